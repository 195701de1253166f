// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "cache/base/media_type.h"

namespace entrepot::upstream {

using cache::docker_list;
using cache::docker_manifest;
using cache::is_manifest_type;
using cache::oci_index;
using cache::oci_manifest;
using cache::parse_media_type;

/// Every request for a manifest accepts these, whatever the client accepts: a tag's digest may vary
/// with Accept on some registries, and the cache keeps one answer per tag. Schema 1 is not among
/// them: it would be refused (cache/content/schema1.h).
inline constexpr std::string_view manifest_accept =
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.artifact.manifest.v1+json, "
    "application/vnd.cncf.oras.artifact.manifest.v1+json";
/// After the types that are named.
inline constexpr std::string_view accept_the_rest = ", */*";

}  // namespace entrepot::upstream
