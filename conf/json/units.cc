// SPDX-License-Identifier: Apache-2.0
#include "conf/json/units.h"

#include <charconv>
#include <limits>
#include <span>

namespace entrepot::conf {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr Unit size_units[] = {
    {"", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}, {"TiB", 1ULL << 40}};
constexpr Unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

constexpr std::uint64_t max_ms = 3650ULL * 86'400'000;

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units,
                                   std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  for (const auto& unit : units) {
    if (unit.name != text) continue;
    if (number > most / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  // Sizes are compared with signed 64-bit file offsets.
  return parse(text, size_units, std::numeric_limits<std::int64_t>::max());
}

std::optional<int> parse_percent(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  const auto number = parse(text, std::span(size_units).first(1), 100);
  if (!number) return std::nullopt;
  return static_cast<int>(*number);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto ms = parse(text, time_units, max_ms);
  if (!ms) return std::nullopt;
  return std::chrono::milliseconds(*ms);
}

std::optional<unsigned> parse_mode(std::string_view text) {
  if (text.size() == 4 && text.starts_with('0')) text.remove_prefix(1);
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (text.size() != 3 || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return mode;
}

}  // namespace entrepot::conf
