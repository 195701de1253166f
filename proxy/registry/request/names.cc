// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/names.h"

#include <algorithm>

#include "proxy/base/text.h"

namespace entrepot::registry {
namespace {

/// Length of the encoded part of the shortest digest in use (md5, 32 hex digits).
constexpr std::size_t shortest_encoded = 32;

/// `[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]{32,}` (image-spec, descriptor.md, "Digests").
bool looks_like_digest(std::string_view text, std::size_t colon) {
  bool after_separator = true;
  for (const char c : text.substr(0, colon)) {
    const bool separator = c == '+' || c == '.' || c == '_' || c == '-';
    if (!separator && !is_lower_or_digit(c)) return false;
    if (separator && after_separator) return false;
    after_separator = separator;
  }
  const std::string_view encoded = text.substr(colon + 1);
  return !after_separator && encoded.size() >= shortest_encoded &&
         std::all_of(encoded.begin(), encoded.end(),
                     [](char c) { return is_alnum(c) || c == '=' || c == '_' || c == '-'; });
}

}  // namespace

bool valid_name(std::string_view name) {
  if (name.size() > max_name) return false;
  // The separator since the last letter or digit: 0 for none, '=' for two underscores, else the
  // separator itself. A name begins as after a slash, and ends after a letter or digit.
  char separator = '/';
  for (const char c : name) {
    if (is_lower_or_digit(c)) {
      separator = 0;
    } else if (separator == 0 && (c == '/' || c == '.' || c == '_' || c == '-')) {
      separator = c;
    } else if (separator == '_' && c == '_') {
      separator = '=';
    } else if (separator != '-' || c != '-') {
      return false;
    }
  }
  return separator == 0;
}

bool valid_tag(std::string_view tag) {
  if (tag.empty() || tag.size() > max_tag || tag[0] == '.' || tag[0] == '-') return false;
  return std::all_of(tag.begin(), tag.end(),
                     [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

Reference parse_reference(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos)
    return {valid_tag(text) ? ReferenceKind::tag : ReferenceKind::neither, std::nullopt};
  if (auto digest = cache::Digest::parse(text)) return {ReferenceKind::digest, digest};
  const std::string_view algorithm = text.substr(0, colon);
  const bool meant =
      algorithm == "sha256" || algorithm == "sha512" || looks_like_digest(text, colon);
  return {meant ? ReferenceKind::bad_digest : ReferenceKind::neither, std::nullopt};
}

}  // namespace entrepot::registry
