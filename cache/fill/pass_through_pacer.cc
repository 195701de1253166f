// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/pass_through_pacer.h"

#include <chrono>

#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// Between two looks at a full window.
constexpr std::chrono::milliseconds between_looks{2};
/// With readers that hold up others.
constexpr std::chrono::seconds patience{10};
/// Readers that were not seen to hold up others for so long no longer do.
constexpr std::chrono::seconds level_again{3};

Failure nobody_reads() {
  return {FailureKind::unavailable, "passed through, and nobody reads it any more"};
}

}  // namespace

std::optional<Failure> PassThroughPacer::pace(PassThroughWindow& window) {
  if (window.deserted()) return nobody_reads();
  if (window.should_slide()) window.slide();
  if (window.full()) hold(window);
  return std::nullopt;
}

void PassThroughPacer::hold(PassThroughWindow& window) {
  window.slide();
  cut_slow_readers(window);
  transfers_.in_order()->hold(true);
  timer_ = subject_.home.after(between_looks, [this, &window] { look_at(window); });
}

void PassThroughPacer::look_at(PassThroughWindow& window) {
  timer_.reset();
  if (!transfers_.in_order()) return;
  if (window.deserted()) return owner_.fail(nobody_reads(), FillBody::Bytes::kept);
  window.slide();
  if (window.full()) return hold(window);
  transfers_.in_order()->hold(false);
}

/// One reader that hardly moves must not keep the others from their object, and all together must
/// not keep another request from a transfer of the upstream. A reader that is merely slower sets
/// the pace.
void PassThroughPacer::cut_slow_readers(PassThroughWindow& window) {
  const auto now = subject_.context.environment.clock.steady();
  const bool crowded = subject_.source.crowded(subject_.repository.upstream);
  if (!crowded && !window.uneven()) return;
  if (!held_up_ || now - held_up_->seen > level_again) {
    held_up_ = {now, now};
    return window.mark_readers();
  }
  held_up_->seen = now;
  if (now - held_up_->since < patience) return;
  held_up_.reset();
  const auto cut = crowded ? window.cut_idle() : window.cut_slow();
  if (cut == 0) return;
  log::info(
      "{}: {} is passed through without being stored; {} clients that delayed the others for {} s "
      "are cut off",
      subject_.repository.upstream, subject_.digest.str(), cut, patience.count());
  window.slide();
}

}  // namespace entrepot::cache
