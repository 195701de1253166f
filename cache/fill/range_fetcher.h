// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>

#include "cache/api/source.h"
#include "cache/base/executor.h"
#include "cache/base/extents.h"

namespace entrepot::cache {

/// Fetches ranges of one blob from the upstream, each by a transfer of its own, a few at a time.
/// Bytes that were requested are not requested again. The home's thread only.
class RangeFetcher {
 public:
  /// Receives the ranges.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// A transfer has delivered its head. May destroy the RangeFetcher.
    virtual void on_range_head(const FetchHead& head) = 0;
    /// The following data come from another endpoint.
    virtual void on_range_endpoint(const std::string& endpoint) = 0;
    /// Whole pages of the blob, or its end. A failure ends the transfer.
    virtual std::optional<Failure> on_range_data(std::uint64_t offset,
                                                 std::span<const std::byte> data) = 0;
    /// A transfer has ended. After a failure the others go on, waiting ranges are dropped, and
    /// bytes that were not delivered count as not requested. May destroy the RangeFetcher.
    virtual void on_range_done(const std::optional<Failure>& failure) = 0;
  };

  /// `request`: for the whole blob. `available` bytes are not fetched.
  RangeFetcher(Owner& owner, Source& source, Executor& home, FetchRequest request,
               Extents available);
  ~RangeFetcher();
  RangeFetcher(const RangeFetcher&) = delete;
  RangeFetcher& operator=(const RangeFetcher&) = delete;

  /// The bytes of the grains that contain `span` and have not been requested.
  std::uint64_t missing(const Span& span) const;
  /// Requests those, at once or when other transfers have ended. If the size is known, `span` lies
  /// within the blob. Before, it is so short that it makes one transfer, which the upstream ends at
  /// the end of the blob.
  void fetch(const Span& span);
  /// Requests the grains that contain `span` again, although they are available.
  void fetch_again(const Span& span);
  /// Bytes that are available, in transfer or waiting for one.
  const Extents& requested() const { return requested_; }
  /// `client` waits for them as well.
  void wanted_by(Client client);
  /// No transfer is running.
  bool idle() const { return running_.empty(); }
  /// Requests `span` at once, beside the other ranges. REQUIRES: none of it has been requested.
  void fetch_segment(const Span& span);
  /// The number of segments in transfer.
  std::size_t segments() const { return segments_; }

 private:
  class Transfer;
  void start_waiting();
  void ended(const std::shared_ptr<Transfer>& transfer, const std::optional<Failure>& failure);

  Owner& owner_;
  Source& source_;
  Executor& home_;
  FetchRequest request_;
  Extents requested_;
  std::size_t segments_ = 0;
  std::deque<Span> waiting_;
  std::unordered_set<std::shared_ptr<Transfer>> running_;
};

}  // namespace entrepot::cache
