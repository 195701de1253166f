// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/blob_transfers.h"

#include <limits>

#include "cache/index/stored_size.h"

namespace entrepot::cache {

FetchRequest BlobTransfers::request() const {
  auto request = subject_.request();
  if (whole() && file_.is_readable()) request.size = file_.size();
  return request;
}

void BlobTransfers::request_rest(const Extents& available, bool compare) {
  const auto size = file_.is_open()   ? *file_.size()
                    : file_.partial() ? file_.partial()->size
                                      : subject_.max_size();
  span_ = available.gap_in({0, size});
  if (!ranges_idle()) {
    const auto left = ranges_->requested().gap_in(span_);
    if (left.begin > span_.begin) {
      span_ = {};
      return;
    }
    span_ = left;
  }
  auto next = request();
  if (!subject_.ranges_ignored) {
    next.offset =
        compare && span_.begin > 0 ? (span_.begin - 1) / page_size * page_size : span_.begin;
    if (span_.end < size) next.end = span_.end;
  }
  has_head_ = false;
  requested_end_ = span_.end;
  in_order_ = subject_.source.fetch(std::move(next), subject_.sink);
}

RangeFetcher& BlobTransfers::ranges() {
  if (ranges_) return *ranges_;
  Extents available;
  if (file_.is_open()) {
    available = file_->writer().extents();
    available.add({*file_.size(), std::numeric_limits<std::uint64_t>::max()});
  }
  ranges_ = std::make_unique<RangeFetcher>(owner_, subject_.source, subject_.home, request(),
                                           std::move(available));
  return *ranges_;
}

void BlobTransfers::wanted_by(Client client) {
  if (in_order_) in_order_->wanted_by(client);
  if (ranges_) ranges_->wanted_by(client);
}

void BlobTransfers::stop() {
  in_order_.reset();
  ranges_.reset();
}

}  // namespace entrepot::cache
