// SPDX-License-Identifier: Apache-2.0
// When a tag may be answered from its record: pure functions of (record, now, policy).
#pragma once

#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "cache/clock.h"
#include "cache/options.h"

namespace entrepot::cache {

/// Where a tag record stands in its life.
enum class Freshness {
  fresh,  ///< answer
  /// Answer, and ask the upstream in the background. This is the last part of fresh_for rather than
  /// a time after it, so that a moved tag is seen within fresh_for (fault U26) and a tag in steady
  /// use is still never waited for.
  grace,
  due,      ///< ask the upstream first; answer from the record only if it cannot be asked
  expired,  ///< older than fresh_for + stale_for: the record is worth nothing
};

/// The part of fresh_for after which a tag in use is checked in the background.
inline constexpr double grace_begins = 0.8;

/// Compiled TagPolicy. Immutable, thread-safe.
class TagFreshness {
 public:
  /// The rules' patterns have been validated with the configuration.
  explicit TagFreshness(const TagPolicy& policy);
  ~TagFreshness();
  TagFreshness(TagFreshness&&) noexcept;

  /// How long a record of this tag is fresh: the first rule that matches, else the default. Runs
  /// regular expressions, so a record carries the result instead of asking at each hit.
  std::chrono::milliseconds fresh_for(std::string_view tag) const;
  std::chrono::milliseconds stale_for() const { return stale_for_; }

 private:
  struct Rule;
  std::vector<Rule> rules_;
  std::chrono::milliseconds fresh_for_;
  std::chrono::milliseconds stale_for_;
};

/// Age of something checked at `checked_at`. A clock that went back a little counts as age 0; where
/// it went back by more, the true age is not known, and `unknown` is answered.
std::chrono::milliseconds age_of(WallTime checked_at, WallTime now,
                                 std::chrono::milliseconds unknown = {});

Freshness judge(std::chrono::milliseconds age, std::chrono::milliseconds fresh_for,
                std::chrono::milliseconds stale_for);

}  // namespace entrepot::cache
