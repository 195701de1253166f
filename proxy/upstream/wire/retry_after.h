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

struct RateLimit {
  std::uint64_t count = 0;
  std::optional<std::chrono::seconds> window;
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

/// `20;w=21600`, as in Docker Hub's ratelimit-remaining and ratelimit-limit, or a plain `20`;
/// nullopt when it does not begin with digits. Pure; any thread.
std::optional<RateLimit> parse_ratelimit(std::string_view value);

}  // namespace entrepot::upstream
