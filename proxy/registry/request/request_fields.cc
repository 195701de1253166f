// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/request_fields.h"

#include <algorithm>

#include "cache/base/media_type.h"
#include "proxy/base/text.h"

namespace entrepot::registry {
namespace {

constexpr std::size_t max_accept = 16 << 10;
constexpr std::size_t max_authorization = 16 << 10;

void take(FieldValue& field, std::string_view value) {
  if (field.count++ == 0) field.value = value;
}

bool lists_no_cache(std::string_view list) {
  while (!list.empty())
    if (equals_ignoring_case(next_element(list), "no-cache")) return true;
  return false;
}

/// True if `element` of Accept matches `media_type`.
bool covers(std::string_view element, std::string_view media_type) {
  const std::string_view type = trim(element.substr(0, element.find(';')));
  if (type == "*/*") return true;
  if (type.ends_with("/*")) {
    const std::string_view major = type.substr(0, type.size() - 1);
    return equals_ignoring_case(media_type.substr(0, major.size()), major);
  }
  return equals_ignoring_case(type, media_type);
}

/// True for `"<digest>"`, including the quotes.
bool is_entity_tag(std::string_view text, std::string_view digest) {
  return text.size() == digest.size() + 2 && text.front() == '"' && text.back() == '"' &&
         text.substr(1, digest.size()) == digest;
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
bool is_token68(std::string_view text, bool base64) {
  const std::size_t padding = std::min(text.find('='), text.size());
  const std::string_view extra = base64 ? "+/" : "-._~+/";
  const std::string_view head = text.substr(0, padding);
  const std::string_view tail = text.substr(padding);
  return !head.empty() &&
         std::all_of(head.begin(), head.end(),
                     [&](char c) { return is_alnum(c) || extra.find(c) != extra.npos; }) &&
         std::all_of(tail.begin(), tail.end(), [](char c) { return c == '='; }) &&
         (!base64 || tail.size() <= 2);
}

/// `token BWS "=" BWS ( token / quoted-string )`
bool is_auth_parameter(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = trim(text.substr(0, equals));
  std::string_view value = trim(text.substr(equals + 1));
  if (name.empty() || value.empty() || !std::all_of(name.begin(), name.end(), is_token_char))
    return false;
  if (value.front() != '"') return std::all_of(value.begin(), value.end(), is_token_char);
  value.remove_prefix(1);
  while (!value.empty() && value.front() != '"')
    value.remove_prefix(value.front() == '\\' && value.size() > 1 ? 2 : 1);
  return value == "\"";
}

}  // namespace

RequestFields scan_fields(const http::Request& request) {
  RequestFields fields;
  for (const http::Request::Field& field : request.fields()) {
    // Compares the length first, because most fields are none of these.
    switch (field.name.size()) {
      case 3:
        if (field.name == "via") take(fields.via, field.value);
        break;
      case 5:
        if (field.name == "range") take(fields.range, field.value);
        break;
      case 6:
        if (field.name == "accept") take(fields.accept, field.value);
        if (field.name == "pragma") fields.no_cache |= lists_no_cache(field.value);
        break;
      case 8:
        if (field.name == "if-range") take(fields.if_range, field.value);
        break;
      case 10:
        if (field.name == "user-agent") take(fields.user_agent, field.value);
        break;
      case 13:
        if (field.name == "authorization") take(fields.authorization, field.value);
        if (field.name == "if-none-match") take(fields.if_none_match, field.value);
        if (field.name == "cache-control") fields.no_cache |= lists_no_cache(field.value);
        break;
      default:
        break;
    }
  }
  return fields;
}

bool accepts(const http::Request& request, const RequestFields& fields,
             std::string_view media_type) {
  if (!fields.accept) return true;
  bool listed = false;
  bool covered = false;
  std::size_t seen = 0;
  for_each_value(request, "accept", fields.accept, [&](std::string_view list) {
    seen += list.size();
    if (seen > max_accept) covered = true;
    while (!covered && !list.empty()) {
      const std::string_view element = next_element(list);
      if (element.empty()) continue;
      listed = true;
      covered = covers(element, media_type);
    }
    return !covered;
  });
  return covered || !listed;
}

std::string extra_types(const http::Request& request, const RequestFields& fields) {
  constexpr int most = 4;
  std::string types;
  if (!fields.accept) return types;
  std::size_t seen = 0;
  int found = 0;
  for_each_value(request, "accept", fields.accept, [&](std::string_view list) {
    seen += list.size();
    while (seen <= max_accept && found < most && !list.empty()) {
      const std::string type = cache::parse_media_type(next_element(list));
      if (type.empty() || cache::is_manifest_type(type) || cache::served_type(type) != type)
        continue;
      types.append(types.empty() ? "" : ", ").append(type);
      ++found;
    }
    return seen <= max_accept && found < most;
  });
  return types;
}

bool none_match_hits(const http::Request& request, const RequestFields& fields,
                     std::string_view digest) {
  bool hit = false;
  if (!fields.if_none_match) return hit;
  for_each_value(request, "if-none-match", fields.if_none_match, [&](std::string_view list) {
    while (!hit && !list.empty()) {
      std::string_view element = next_element(list);
      if (element.starts_with("W/")) element.remove_prefix(2);
      hit = element == "*" || element == digest || is_entity_tag(element, digest);
    }
    return !hit;
  });
  return hit;
}

bool range_applies(const RequestFields& fields, std::string_view digest) {
  if (!fields.if_range) return true;
  return fields.if_range.count == 1 && is_entity_tag(fields.if_range.value, digest);
}

bool well_formed_authorization(std::string_view value) {
  if (value.empty()) return true;
  if (value.size() > max_authorization) return false;
  const std::size_t space = std::min(value.find(' '), value.size());
  const std::string_view scheme = value.substr(0, space);
  if (scheme.empty() || !std::all_of(scheme.begin(), scheme.end(), is_token_char)) return false;
  std::string_view rest = trim(value.substr(space));
  if (equals_ignoring_case(scheme, "basic")) return rest.empty() || is_token68(rest, true);
  if (is_token68(rest, false)) return true;
  while (!rest.empty()) {
    const std::string_view element = next_element(rest);
    if (!element.empty() && !is_auth_parameter(element)) return false;
  }
  return true;
}

}  // namespace entrepot::registry
