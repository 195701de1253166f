// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "cache/api/source.h"
#include "cache/base/extents.h"
#include "cache/fill/fill_context.h"
#include "cache/fill/fill_file.h"
#include "cache/fill/fill_phase.h"
#include "cache/fill/range_fetcher.h"
#include "metrics/phase_variable.h"

namespace entrepot::cache {

/// The failure of a transfer whose upstream names another size than an earlier one.
inline Failure another_size() {
  return {FailureKind::bad_upstream, "the upstream tells another size than before"};
}

/// The transfers of one blob: at most one delivers in order, the others deliver ranges. The home's
/// thread only.
class BlobTransfers {
 public:
  /// All outlive this. `owner` receives the ranges.
  BlobTransfers(const FillSubject& subject, const FillFile& file, RangeFetcher::Owner& owner,
                FetchScope scope)
      : subject_(subject), file_(file), owner_(owner), scope_(scope) {}

  PhaseVariable<FetchScope>& scope() { return scope_; }
  bool whole() const { return scope_.is(FetchScope::whole); }

  /// Starts the transfer in order, of the first missing bytes up to those that are available or
  /// requested already; does nothing if all of them are requested. `compare`: the page before is
  /// requested again, which shows whether it is the same object, and leaves something to request if
  /// all bytes are available.
  void request_rest(const Extents& available, bool compare);
  /// The transfer in order, or null.
  Fetch* in_order() const { return in_order_.get(); }
  void end_in_order() { in_order_.reset(); }
  std::unique_ptr<Fetch> take_in_order() { return std::move(in_order_); }
  /// It has delivered its head.
  void head_arrived() { has_head_ = true; }
  bool has_head() const { return has_head_; }
  /// The bytes that it has to deliver.
  const Span& span() const { return span_; }
  /// It ends at `end` at the latest; other transfers deliver the rest.
  void shorten(std::uint64_t end) { span_.end = std::min(span_.end, end); }
  /// It ends where its request does.
  void lengthen() { span_.end = requested_end_; }
  bool shortened() const { return span_.end < requested_end_; }
  /// It has delivered all of its shortened span, and ends.
  void end_shortened() {
    in_order_.reset();
    requested_end_ = span_.end;
  }

  /// The transfers of ranges. The first call creates their fetcher.
  RangeFetcher& ranges();
  bool has_ranges() const { return ranges_ != nullptr; }
  bool ranges_idle() const { return !ranges_ || ranges_->idle(); }
  void end_ranges() { ranges_.reset(); }

  /// `client` waits for the bytes as well.
  void wanted_by(Client client);
  /// Ends all.
  void stop();

 private:
  FetchRequest request() const;

  const FillSubject& subject_;
  const FillFile& file_;
  RangeFetcher::Owner& owner_;
  PhaseVariable<FetchScope> scope_;
  std::unique_ptr<Fetch> in_order_;
  Span span_;
  std::uint64_t requested_end_ = 0;  ///< end of its Range header
  bool has_head_ = false;
  std::unique_ptr<RangeFetcher> ranges_;
};

}  // namespace entrepot::cache
