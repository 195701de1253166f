// SPDX-License-Identifier: Apache-2.0
#include "cache/content/manifest_checks.h"

#include <utility>

#include "cache/base/media_type.h"
#include "cache/content/schema1.h"

namespace entrepot::cache {
namespace {

/// True for the two types of schema 1, with and without a signature. A manifest does not say which
/// of them it is.
bool is_schema1(std::string_view type) {
  return type.starts_with("application/vnd.docker.distribution.manifest.v1+");
}

bool contradicts(std::string_view own_type, std::string_view named_type) {
  return is_manifest_type(own_type) && is_manifest_type(named_type) && own_type != named_type &&
         !(is_schema1(own_type) && is_schema1(named_type));
}

}  // namespace

std::optional<Failure> check_manifest(ParsedManifest& manifest, const std::string& named_type,
                                      const std::optional<Digest>& named) {
  if (manifest.payload && manifest.payload == named) return schema1_unsupported();
  if (manifest.outline && manifest.outline->over_limits)
    return Failure{FailureKind::bad_upstream, "the manifest is nested too deep or names too much"};
  const auto own_type = std::exchange(manifest.content->media_type, {});
  if (contradicts(own_type, named_type))
    return Failure{FailureKind::bad_upstream,
                   "the upstream names another media type than the manifest itself"};
  manifest.content->media_type = served_type(named_type.empty() ? own_type : named_type);
  return std::nullopt;
}

}  // namespace entrepot::cache
