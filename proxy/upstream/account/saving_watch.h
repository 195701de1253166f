// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "proxy/upstream/account/rate_budget.h"

namespace entrepot::upstream {

/// Notices when the saving of a rate limit begins and ends (RateBudget::low_on_quota), for the log.
/// It looks at the budgets of all loops that send as one account. It ends when none of them has
/// been short of requests for some minutes: a sliding window, or a registry that counts several
/// limits, would otherwise begin and end it with every request. A value type; the caller passes the
/// time.
class SavingWatch {
 public:
  enum class Change : std::uint8_t { none, begins, ends };

  /// So long no budget is low before it ends.
  static constexpr std::chrono::minutes calm{5};

  /// The change since the last call. Called with each budget, each second and after each response.
  Change look(const RateBudget& budget, RateBudget::Time now) {
    if (saves_ ? !budget.ample(now) : budget.low_on_quota(now)) {
      last_short_ = std::max(last_short_, now);
      if (saves_) return Change::none;
      saves_ = true;
      return Change::begins;
    }
    if (!saves_ || now - last_short_ < calm) return Change::none;
    saves_ = false;
    return Change::ends;
  }

 private:
  bool saves_ = false;
  RateBudget::Time last_short_{};  ///< while it saves: when a budget was last not ample
};

}  // namespace entrepot::upstream
