// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "proxy/upstream/account/rate_budget.h"

namespace entrepot::upstream {

/// Notices when the saving of a rate limit begins and ends (RateBudget::low_on_quota), for the log.
/// It ends here when clearly more is left, or when the budget is not known any more: the budget of
/// a sliding window would otherwise begin and end it with every request. A value type; the caller
/// passes the time.
class SavingWatch {
 public:
  enum class Change : std::uint8_t { none, begins, ends };

  /// The change since the last call.
  Change look(const RateBudget& budget, RateBudget::Time now) {
    const bool saves = saves_ ? !budget.ample(now) : budget.low_on_quota(now);
    if (saves == saves_) return Change::none;
    saves_ = saves;
    return saves ? Change::begins : Change::ends;
  }

 private:
  bool saves_ = false;
};

}  // namespace entrepot::upstream
