// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::access {

/// Parses "2026-11-30T10:00:00Z" (RFC 3339 in UTC, without fractions of a second), of the years
/// 1970 to 9999; nullopt for anything else. Pure.
std::optional<std::chrono::sys_seconds> parse_utc_time(std::string_view text);

/// The inverse of parse_utc_time(). REQUIRES: a time of those years.
std::string utc_time_text(std::chrono::sys_seconds time);

}  // namespace entrepot::access
