// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "cache/base/clock.h"
#include "cache/base/executor.h"
#include "cache/base/failure.h"
#include "cache/fill/blob_transfers.h"
#include "cache/fill/fill_body.h"
#include "cache/fill/fill_context.h"
#include "cache/fill/pass_through_window.h"

namespace entrepot::cache {

/// Paces a fill that passes through: the upstream waits while the window of the file is full, and
/// readers that hold up others for long are cut short. A timer looks at the window, so that readers
/// need not report each step. The home's thread only.
class PassThroughPacer {
 public:
  /// All outlive this.
  PassThroughPacer(const FillSubject& subject, FillBody::Owner& owner,
                   const BlobTransfers& transfers)
      : subject_(subject), owner_(owner), transfers_(transfers) {}

  /// The transfer in order has delivered bytes to the file of `window`, which outlives this: holds
  /// the transfer while the window is full. Returns a failure if the fill has no readers.
  std::optional<Failure> pace(PassThroughWindow& window);

 private:
  struct HeldUp {
    SteadyTime since, seen;
  };

  void hold(PassThroughWindow& window);
  void look_at(PassThroughWindow& window);
  void cut_slow_readers(PassThroughWindow& window);

  const FillSubject& subject_;
  FillBody::Owner& owner_;
  const BlobTransfers& transfers_;
  std::unique_ptr<Timer> timer_;
  std::optional<HeldUp> held_up_;  ///< some readers hold up others
};

}  // namespace entrepot::cache
