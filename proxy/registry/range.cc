// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/range.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "proxy/registry/ascii.h"

namespace entrepot::registry {
namespace {

/// One range as written: `first-last`, `first-` or `-suffix`.
struct RangeSpec {
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> last;
};

/// Digits only; nullopt otherwise and beyond 2^64-1.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<RangeSpec> parse_spec(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view before = text.substr(0, dash);
  const std::string_view after = text.substr(dash + 1);
  if (before.empty() && after.empty()) return std::nullopt;
  const RangeSpec spec{parse_number(before), parse_number(after)};
  if (!before.empty() && !spec.first) return std::nullopt;
  if (!after.empty() && !spec.last) return std::nullopt;
  if (spec.first && spec.last && *spec.last < *spec.first) return std::nullopt;
  return spec;
}

RangeDecision resolve(const RangeSpec& spec, std::uint64_t size) {
  using Kind = RangeDecision::Kind;
  if (size == 0) return {};
  if (!spec.first) {
    const std::uint64_t suffix = std::min(*spec.last, size);
    if (suffix == 0) return {Kind::unsatisfiable};
    return {Kind::part, size - suffix, size - 1};
  }
  if (*spec.first >= size) return {Kind::unsatisfiable};
  return {Kind::part, *spec.first, spec.last ? std::min(*spec.last, size - 1) : size - 1};
}

}  // namespace

RangeDecision decide_range(std::string_view field, std::uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  if (field.size() < unit.size() || !equal_ignoring_case(field.substr(0, unit.size()), unit))
    return {};
  std::string_view list = field.substr(unit.size());
  std::optional<RangeSpec> only;
  std::size_t count = 0;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view element = trim(list.substr(0, comma));
    list.remove_prefix(comma < list.size() ? comma + 1 : comma);
    if (element.empty()) continue;  // a list may have empty elements (RFC 9110 §5.6.1)
    only = parse_spec(element);
    if (!only) return {};
    if (++count > max_ranges) return {RangeDecision::Kind::too_many};
  }
  return count == 1 ? resolve(*only, size) : RangeDecision{};
}

}  // namespace entrepot::registry
