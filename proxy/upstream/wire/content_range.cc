// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/content_range.h"

#include "proxy/base/text.h"

namespace entrepot::upstream {
namespace {

std::optional<ContentRange::Part> parse_part(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_number(text.substr(0, dash));
  const auto last = parse_number(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return ContentRange::Part{*first, *last};
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view value) {
  value = trim(value);
  const std::size_t space = value.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  if (!equals_ignoring_case(value.substr(0, space), "bytes")) return std::nullopt;
  value = trim(value.substr(space));
  const std::size_t slash = value.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view part = value.substr(0, slash);
  const std::string_view total = value.substr(slash + 1);

  ContentRange range;
  if (part != "*") {
    range.part = parse_part(part);
    if (!range.part) return std::nullopt;
  }
  if (total != "*") {
    range.total = parse_number(total);
    if (!range.total) return std::nullopt;
  }
  if (!range.part && !range.total) return std::nullopt;
  if (range.part && range.total && range.part->last >= *range.total) return std::nullopt;
  return range;
}

}  // namespace entrepot::upstream
