// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/media_type.h"

#include <algorithm>

#include "proxy/upstream/text.h"

namespace entrepot::upstream {
namespace {

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

}  // namespace

std::string parse_media_type(std::string_view value) {
  value = trim(value.substr(0, value.find(';')));
  if (value.size() > 255) return {};
  const std::size_t slash = value.find('/');
  if (slash == std::string_view::npos) return {};
  if (!is_token(value.substr(0, slash)) || !is_token(value.substr(slash + 1))) return {};
  return lower(value);
}

bool is_manifest_type(std::string_view media_type) {
  return media_type == oci_index || media_type == oci_manifest || media_type == docker_list ||
         media_type == docker_manifest ||
         media_type == "application/vnd.docker.distribution.manifest.v1+json" ||
         media_type == "application/vnd.docker.distribution.manifest.v1+prettyjws" ||
         media_type == "application/vnd.oci.artifact.manifest.v1+json";
}

}  // namespace entrepot::upstream
