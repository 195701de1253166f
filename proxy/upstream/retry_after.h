// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace entrepot::upstream {

/// Longest wait an upstream can impose on us: absurd values (years) count as this.
inline constexpr std::chrono::seconds max_retry_after = std::chrono::minutes(10);

/// A Retry-After header (RFC 9110 §10.2.3): seconds or an HTTP date, as a wait from `now` between 0
/// and max_retry_after. nullopt when it is neither. Pure; any thread.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                      std::chrono::system_clock::time_point now);

/// The count in `ratelimit-remaining: 20;w=21600` (Docker Hub) or a plain `20`; nullopt when it
/// does not begin with digits. Pure; any thread.
std::optional<std::uint64_t> parse_ratelimit(std::string_view value);

}  // namespace entrepot::upstream
