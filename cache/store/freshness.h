// SPDX-License-Identifier: Apache-2.0
// Freshness of tag records: pure functions of (record, now, policy).
#pragma once

#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "cache/api/options.h"
#include "cache/base/clock.h"

namespace entrepot::cache {

/// The freshness state of a tag record.
enum class Freshness {
  fresh,  ///< serve
  /// Serve, and revalidate in the background. This state is the last part of fresh_for rather than
  /// a time after it: a moved tag is noticed within fresh_for, and requests for a tag in steady use
  /// never wait for the upstream.
  grace,
  due,      ///< revalidate first; serve the record only if the upstream is unreachable
  expired,  ///< older than fresh_for + stale_for: the record must not be used
};

/// The part of fresh_for after which a tag in use is revalidated in the background.
inline constexpr double grace_begins = 0.8;

/// A compiled TagPolicy. Immutable; thread-safe.
class TagFreshness {
 public:
  /// REQUIRES: the patterns of the rules are valid (the configuration check ensures this).
  explicit TagFreshness(const TagPolicy& policy);
  ~TagFreshness();
  TagFreshness(TagFreshness&&) noexcept;

  /// Freshness lifetime of this tag: that of the first rule that matches, else the default.
  /// Evaluates regular expressions, so records store the result instead of evaluating it at each
  /// hit.
  std::chrono::milliseconds fresh_for(std::string_view tag) const;
  std::chrono::milliseconds stale_for() const { return stale_for_; }

 private:
  struct Rule;
  std::vector<Rule> rules_;
  std::chrono::milliseconds fresh_for_;
  std::chrono::milliseconds stale_for_;
};

/// Age of something checked at `checked_at`. If the clock was set back a little, the age is 0. If
/// it was set back by more, the true age is unknown and `unknown` is returned.
std::chrono::milliseconds age_of(WallTime checked_at, WallTime now,
                                 std::chrono::milliseconds unknown = {});

Freshness judge(std::chrono::milliseconds age, std::chrono::milliseconds fresh_for,
                std::chrono::milliseconds stale_for);

}  // namespace entrepot::cache
