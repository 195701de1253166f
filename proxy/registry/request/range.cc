// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/range.h"

#include <algorithm>
#include <optional>

#include "proxy/base/text.h"

namespace entrepot::registry {
namespace {

/// One range as written: `first-last`, `first-` or `-suffix`.
struct RangeSpec {
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> last;
};

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

/// Returns nullopt if the range lies outside of the (non-empty) body.
std::optional<ByteRange> resolve(const RangeSpec& spec, std::uint64_t size) {
  if (!spec.first) {
    const std::uint64_t suffix = std::min(*spec.last, size);
    if (suffix == 0) return std::nullopt;
    return ByteRange{size - suffix, size - 1};
  }
  if (*spec.first >= size) return std::nullopt;
  return ByteRange{*spec.first, spec.last ? std::min(*spec.last, size - 1) : size - 1};
}

/// Parses the elements of the list, at most max_ranges + 1; nullopt if the field must be ignored.
std::optional<std::vector<RangeSpec>> parse_field(std::string_view field) {
  constexpr std::string_view unit = "bytes=";
  if (field.size() < unit.size() || !equals_ignoring_case(field.substr(0, unit.size()), unit))
    return std::nullopt;
  std::string_view list = field.substr(unit.size());
  std::vector<RangeSpec> specs;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view element = trim(list.substr(0, comma));
    list.remove_prefix(comma < list.size() ? comma + 1 : comma);
    if (element.empty()) continue;  // a list may have empty elements (RFC 9110 §5.6.1)
    const auto spec = parse_spec(element);
    if (!spec) return std::nullopt;
    specs.push_back(*spec);
    if (specs.size() > max_ranges) break;
  }
  return specs;
}

RangeDecision decide_several(const std::vector<RangeSpec>& specs, std::uint64_t size) {
  RangeDecision decision{RangeDecision::Kind::parts, {}};
  std::uint64_t left = size;
  for (const auto& spec : specs) {
    const auto range = resolve(spec, size);
    if (!range) continue;
    if (range->length() > left) return {};
    left -= range->length();
    decision.ranges.push_back(*range);
  }
  return decision.ranges.empty() ? RangeDecision{} : decision;
}

}  // namespace

RangeDecision decide_range(std::string_view field, std::uint64_t size) {
  const auto specs = parse_field(field);
  if (!specs || specs->empty()) return {};
  if (specs->size() > max_ranges) return {RangeDecision::Kind::too_many, {}};
  if (size == 0) return {};
  if (specs->size() > 1) return decide_several(*specs, size);
  const auto range = resolve(specs->front(), size);
  if (!range) return {RangeDecision::Kind::unsatisfiable, {}};
  return {RangeDecision::Kind::part, {*range}};
}

RangeOutline outline_range(std::string_view field) {
  constexpr std::uint64_t endless = 1ULL << 62;
  const auto specs = parse_field(field);
  if (!specs || specs->empty()) return {};
  for (const auto& [first, last] : *specs)
    if (!last || (first && *last >= endless)) return {};
  const auto& [first, last] = specs->front();
  if (!first) return {true, std::nullopt};
  return {true, ByteRange{*first, *last}};
}

}  // namespace entrepot::registry
