// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "cache/base/clock.h"
#include "cache/base/executor.h"
#include "cache/fill/blob_transfers.h"
#include "cache/fill/fill_body.h"
#include "cache/fill/fill_context.h"
#include "cache/fill/fill_file.h"

namespace entrepot::cache {

/// Paces a fill that passes through: the upstream waits while the window of the file is full, and
/// readers that hold up others for long are cut short. A timer looks at the window, so that readers
/// need not report each step. The home's thread only.
class PassThroughPacer {
 public:
  /// All outlive this.
  PassThroughPacer(const FillSubject& subject, FillBody::Owner& owner, const FillFile& file,
                   const BlobTransfers& transfers)
      : subject_(subject), owner_(owner), file_(file), transfers_(transfers) {}

  /// The window is full: holds the transfer in order until there is room.
  void hold();
  /// The failure of a fill that passes through without readers.
  static Failure nobody_reads();

 private:
  struct HeldUp {
    SteadyTime since, seen;
  };

  void look_at_window();
  void cut_slow_readers();

  const FillSubject& subject_;
  FillBody::Owner& owner_;
  const FillFile& file_;
  const BlobTransfers& transfers_;
  std::unique_ptr<Timer> timer_;
  std::optional<HeldUp> held_up_;  ///< some readers hold up others
};

}  // namespace entrepot::cache
