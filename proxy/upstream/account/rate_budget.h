// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "proxy/upstream/wire/response_head.h"

namespace entrepot::upstream {

/// The remaining budget of an upstream's rate limit, by its response headers `ratelimit-limit` and
/// `ratelimit-remaining` (Docker Hub counts GETs of manifests). A value type; the caller passes the
/// time.
class RateBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Takes over the values in `head`, if it has any.
  void update(const ResponseHead& head, Time now);
  /// Requests left; nullopt while unknown, or after the end of the window.
  std::optional<std::uint64_t> remaining(Time now) const;
  /// Requests in a window; nullopt while unknown, or when the last response named remaining() only.
  std::optional<std::uint64_t> limit(Time now) const;
  /// A tenth or less is left; of an unknown limit, ten or fewer.
  bool low_on_quota(Time now) const;
  /// More than twice as many are left as make it low, or nothing is known.
  bool ample(Time now) const;
  /// Nothing is left for more than a minute, so a refusal will last.
  bool spent(Time now) const;

 private:
  std::uint64_t few() const;

  std::uint64_t remaining_ = 0;
  std::optional<std::uint64_t> limit_;
  Time until_{};
};

}  // namespace entrepot::upstream
