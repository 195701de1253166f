// SPDX-License-Identifier: Apache-2.0
// A fill whose rest comes over several transfers at once.
#include <algorithm>

#include "cache/fill/fill.h"

namespace entrepot::cache {

/// From now on it is watched whether more transfers would be faster.
void Fill::watch_speed() {
  if (widening_ || context_.environment.options.transfers_per_blob < 2 || !may_widen()) return;
  widening_ = std::make_unique<Parallelism>();
  extra_ = std::make_unique<ExtraTransfers::Share>(context_.extra_transfers);
  speed_timer_ = home_.after(Parallelism::interval, [this] { look_at_speed(); });
}

/// Segments may lie anywhere in the file, and the upstream knows ranges. A mirror nearby widens by
/// itself: segments would make it bring far parts out of turn, and look faster when it gets faster.
bool Fill::may_widen() const {
  return all_ && file_ && head_.size && !passing() && !ranges_ignored_ && !near_mirror_ &&
         !proven_ && !context_.mismatched.contains(digest_);
}

void Fill::look_at_speed() {
  const auto self = shared_from_this();
  speed_timer_.reset();
  const auto there = may_widen() ? file_->extents().bytes() : *head_.size;
  if (there >= *head_.size) return stay_with_one();
  const auto most = std::min(context_.environment.options.transfers_per_blob, 1 + extra_->most());
  extra_->hold(widening_->step(there, *head_.size - there, most) - 1);
  speed_timer_ = home_.after(Parallelism::interval, [this] { look_at_speed(); });
  if (widened()) ask_segments();
}

/// Segments are not the way: what comes in order goes on to its end, unless some are on their way.
void Fill::stay_with_one() {
  if (!widening_) return;
  widening_->narrow();
  extra_.reset();
  speed_timer_.reset();
  if (!pieces_ || pieces_->idle()) asked_.end = asked_end_;
}

/// In order: so that who reads from the beginning is served first.
void Fill::ask_segments() {
  if (!pieces_) make_pieces();
  const auto segment = [this] {
    return widening_->segment(pieces_->missing({file_->arrived(), *head_.size}));
  };
  if (fetch_) {
    // What comes in order ends where the first segment begins.
    const Span next = RangeFetcher::grains({file_->arrived(), file_->arrived() + segment()});
    asked_.end = std::min(asked_.end, next.end);
  }
  const std::size_t others = widening_->transfers() - (fetch_ ? 1 : 0);
  while (pieces_->segments() < others) {
    const auto gap = pieces_->asked().gap_in({fetch_ ? asked_.end : file_->arrived(), *head_.size});
    if (gap.empty()) return;
    pieces_->bring_segment({gap.begin, std::min(gap.end, gap.begin + segment())});
  }
}

}  // namespace entrepot::cache
