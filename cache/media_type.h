// SPDX-License-Identifier: Apache-2.0
// The names of media types, which come from upstreams in a header and within documents. Pure; any
// thread.
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

/// type/subtype of a Content-Type value in lower case, without parameters; empty when it does not
/// follow the grammar of RFC 9110 §8.3.1 or is longer than 255 bytes. What it returns can go into a
/// header field.
std::string parse_media_type(std::string_view value);

/// True for the types under which a manifest is stored and served, schema 1 included: it has to be
/// recognised to be refused.
bool is_manifest_type(std::string_view media_type);

/// Under which type a document is served that calls itself `media_type`: that of a manifest or of
/// an artefact (application/vnd.….+json) stays, anything else becomes application/octet-stream. A
/// stranger writes both document and type, and a browser runs some of them in our name.
std::string_view served_type(std::string_view media_type);

}  // namespace entrepot::cache
