// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/pass_through_pacer.h"

#include <chrono>

#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// Between two looks at a full window.
constexpr std::chrono::milliseconds pace{2};
/// With readers that hold up others.
constexpr std::chrono::seconds patience{10};
/// Readers that were not seen to hold up others for so long no longer do.
constexpr std::chrono::seconds level_again{3};

}  // namespace

Failure PassThroughPacer::nobody_reads() {
  return {FailureKind::unavailable, "passed through, and nobody reads it any more"};
}

void PassThroughPacer::hold() {
  file_->slide();
  cut_slow_readers();
  transfers_.in_order()->hold(true);
  timer_ = subject_.home.after(pace, [this] { look_at_window(); });
}

void PassThroughPacer::look_at_window() {
  timer_.reset();
  if (!transfers_.in_order()) return;
  if (file_->deserted()) return owner_.fail(nobody_reads(), FillBody::Bytes::kept);
  file_->slide();
  if (file_->full()) return hold();
  transfers_.in_order()->hold(false);
}

/// One reader that hardly moves must not keep the others from their object, and all together must
/// not keep another request from a transfer of the upstream. A reader that is merely slower sets
/// the pace.
void PassThroughPacer::cut_slow_readers() {
  const auto now = subject_.context.environment.clock.steady();
  const bool crowded = subject_.source.crowded(subject_.repository.upstream);
  if (!crowded && !file_->uneven()) return;
  if (!held_up_ || now - held_up_->seen > level_again) {
    held_up_ = {now, now};
    return file_->readers().mark();
  }
  held_up_->seen = now;
  if (now - held_up_->since < patience) return;
  held_up_.reset();
  const auto cut = crowded ? file_->cut_idle() : file_->cut_slow();
  if (cut == 0) return;
  log::info(
      "{}: {} passes through, and {} clients that had been holding up the others for {} s are cut "
      "short",
      subject_.repository.upstream, subject_.digest.str(), cut, patience.count());
  file_->slide();
}

}  // namespace entrepot::cache
