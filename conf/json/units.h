// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace entrepot::conf {

/// Parses "512", "64KiB", "10MiB", "5GiB", "1TiB": a whole number of bytes; nullopt for anything
/// else and for numbers out of range.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// Parses "0%" to "100%": a whole number; nullopt for anything else.
std::optional<int> parse_percent(std::string_view text);

/// Parses "250ms", "60s", "5m", "24h", "7d": a whole number with its unit, at most ten years;
/// nullopt for anything else.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Parses "660", "0600": three octal digits of permission bits, perhaps after a zero; nullopt for
/// anything else.
std::optional<unsigned> parse_mode(std::string_view text);

}  // namespace entrepot::conf
