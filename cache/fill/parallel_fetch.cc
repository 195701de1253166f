// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/parallel_fetch.h"

#include <algorithm>
#include <cstddef>

#include "cache/fill/rules/grains.h"

namespace entrepot::cache {

void ParallelFetch::watch() {
  if (parallelism_ || subject_.context.environment.limits.transfers_per_blob < 2 || !allowed())
    return;
  parallelism_ = std::make_unique<Parallelism>();
  share_ = std::make_unique<ExtraTransfers::Share>(subject_.context.extra_transfers);
  look_later();
}

bool ParallelFetch::allowed() const {
  return transfers_.whole() && file_.is_readable() && !file_.passing() &&
         !subject_.ranges_ignored && !subject_.near_mirror &&
         !subject_.context.mismatched.contains(subject_.digest);
}

void ParallelFetch::look_later() {
  timer_ = subject_.home.after(Parallelism::interval, [this] { look_at_speed(); });
}

void ParallelFetch::look_at_speed() {
  timer_.reset();
  const auto size = *file_.size();
  const auto available = allowed() ? file_->writer().extents().bytes() : size;
  if (available >= size) return stay_with_one();
  const auto most =
      std::min(subject_.context.environment.limits.transfers_per_blob.load(), 1 + share_->most());
  share_->hold(parallelism_->step(available, size - available, most) - 1);
  subject_.record->transfers(parallelism_->transfers());
  look_later();
  if (active()) request_segments();
}

void ParallelFetch::stay_with_one() {
  if (!parallelism_) return;
  parallelism_->narrow();
  stop();
  if (transfers_.ranges_idle()) transfers_.lengthen();
}

void ParallelFetch::stop() {
  share_.reset();
  timer_.reset();
}

void ParallelFetch::request_segments() {
  const Span rest{file_->arrived(), *file_.size()};
  RangeFetcher& ranges = transfers_.ranges();
  const auto segment = [&] { return parallelism_->segment(ranges.missing(rest)); };
  if (transfers_.in_order()) {
    // The transfer in order ends where the first segment begins.
    transfers_.shorten(grains({rest.begin, rest.begin + segment()}).end);
  }
  const std::size_t others = parallelism_->transfers() - (transfers_.in_order() ? 1 : 0);
  while (ranges.segments() < others) {
    const auto begin = transfers_.in_order() ? transfers_.span().end : rest.begin;
    const auto gap = ranges.requested().gap_in({begin, rest.end});
    if (gap.empty()) return;
    ranges.fetch_segment({gap.begin, std::min(gap.end, gap.begin + segment())});
  }
}

}  // namespace entrepot::cache
