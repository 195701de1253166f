// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace entrepot::upstream {

inline constexpr std::string_view oci_index = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view oci_manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view docker_list =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view docker_manifest =
    "application/vnd.docker.distribution.manifest.v2+json";

/// The one Accept value of every manifest request, whatever a client asked: a tag's digest may vary
/// with Accept on some registries, and the cache keeps one answer per tag (protocol.md §1.4).
inline constexpr std::string_view manifest_accept =
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

/// type/subtype of a Content-Type value in lower case, without parameters; empty when it does not
/// follow the grammar of RFC 9110 §8.3.1 or is longer than 255 bytes. Pure; any thread.
std::string parse_media_type(std::string_view value);

/// True for the types under which a manifest is stored and served, schema 1 included: it has to be
/// recognised to be refused.
bool is_manifest_type(std::string_view media_type);

}  // namespace entrepot::upstream
