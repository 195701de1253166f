// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/pagination.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/registry/request/names.h"
#include "proxy/registry/request/query.h"

namespace entrepot::registry {
namespace {

/// Parses digits, saturating at max_page; nullopt for anything else.
std::optional<std::size_t> parse_count(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::size_t count = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    count = std::min(count * 10 + static_cast<std::size_t>(c - '0'), max_page);
  }
  return count;
}

}  // namespace

std::optional<PageRequest> parse_page(std::string_view query) {
  PageRequest request;
  if (query.empty()) return request;
  const Parameter n = find_parameter(query, "n");
  const Parameter last = find_parameter(query, "last");
  if (n.count > 1 || last.count > 1) return std::nullopt;
  if (n.count == 1) {
    request.n = parse_count(n.value);
    if (!request.n) return std::nullopt;
  }
  if (!last.value.empty()) {
    std::optional<std::string> tag = decode_parameter(last.value, max_tag);
    if (!tag || !valid_tag(*tag)) return std::nullopt;
    request.last = std::move(*tag);
  }
  return request;
}

std::string link_to_next(std::string_view path, std::string_view query) {
  std::string value = "<";
  value.append(path).append(1, '?').append(query).append(R"(>; rel="next")");
  return value;
}

Page page_of(const cache::TagList& tags, const PageRequest& request) {
  Page page;
  if (!request.last.empty()) page.first = tags.count_up_to(request.last);
  const std::size_t rest = tags.size() - page.first;
  page.count = std::min(request.n.value_or(rest), rest);
  page.more = page.count > 0 && page.count < rest;
  return page;
}

}  // namespace entrepot::registry
