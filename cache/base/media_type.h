// SPDX-License-Identifier: Apache-2.0
// Media types in header fields and in documents of upstreams. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace entrepot::cache {

inline constexpr std::string_view oci_index = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view oci_manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view docker_list =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view docker_manifest =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view docker_schema1 =
    "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// Returns type/subtype of a Content-Type value in lower case, without parameters. Returns an empty
/// string if the value violates the grammar of RFC 9110 §8.3.1 or is longer than 255 bytes. The
/// result is safe in a header field.
std::string parse_media_type(std::string_view value);

/// True for the media types under which a manifest is stored and served. Includes schema 1, which
/// must be recognised in order to be rejected.
bool is_manifest_type(std::string_view media_type);

/// Adds `media_type`, the type of a stored manifest, to the client's own types in an Accept field:
/// without it a registry that selects by Accept would deny the manifest. Upstream requests list the
/// types of is_manifest_type() themselves.
std::string accept_with(std::string accept, std::string_view media_type);

/// The Content-Type for a document that declares `media_type`. Types of manifests and artefacts
/// (application/vnd.….+json) are unchanged; all others become application/octet-stream. The
/// document and its type come from an untrusted author, and a browser would execute some types in
/// the mirror's origin.
std::string_view served_type(std::string_view media_type);

}  // namespace entrepot::cache
