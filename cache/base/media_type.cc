// SPDX-License-Identifier: Apache-2.0
#include "cache/base/media_type.h"

#include <algorithm>
#include <array>

namespace entrepot::cache {
namespace {

constexpr std::size_t max_length = 255;

constexpr std::array<std::string_view, 8> manifest_types = {
    oci_index,
    oci_manifest,
    docker_list,
    docker_manifest,
    docker_schema1,
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.oci.artifact.manifest.v1+json",
    "application/vnd.cncf.oras.artifact.manifest.v1+json",
};

// The characters of a token (RFC 9110 §5.6.2).
constexpr std::string_view token_characters =
    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

bool is_token(std::string_view text) {
  return !text.empty() && text.find_first_not_of(token_characters) == text.npos;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string parse_media_type(std::string_view value) {
  value = value.substr(0, value.find(';'));
  const std::size_t begin = std::min(value.find_first_not_of(" \t"), value.size());
  value = value.substr(begin, value.find_last_not_of(" \t") + 1 - begin);
  const std::size_t slash = value.find('/');
  if (value.size() > max_length || slash == value.npos) return {};
  if (!is_token(value.substr(0, slash)) || !is_token(value.substr(slash + 1))) return {};
  std::string type(value);
  std::transform(type.begin(), type.end(), type.begin(), lower);
  return type;
}

bool is_manifest_type(std::string_view media_type) {
  return std::find(manifest_types.begin(), manifest_types.end(), media_type) !=
         manifest_types.end();
}

std::string accept_with(std::string accept, std::string_view media_type) {
  const bool listed = accept.find(media_type) != std::string::npos;
  if (listed || is_manifest_type(media_type)) return accept;
  return accept.empty() ? std::string(media_type) : accept.append(", ").append(media_type);
}

std::string_view served_type(std::string_view media_type) {
  const bool artefact = media_type.starts_with("application/vnd.") && media_type.ends_with("+json");
  return artefact || is_manifest_type(media_type) ? media_type : "application/octet-stream";
}

}  // namespace entrepot::cache
