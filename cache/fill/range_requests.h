// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cache/api/requests.h"
#include "cache/api/source.h"
#include "cache/fill/blob_transfers.h"
#include "cache/fill/fill_body.h"
#include "cache/fill/fill_context.h"
#include "cache/fill/fill_file.h"
#include "cache/fill/parallel_fetch.h"
#include "cache/fill/range_fetcher.h"
#include "cache/fill/rules/read_ahead.h"
#include "cache/fill/rules/served_ranges.h"

namespace entrepot::cache {

/// Answers requests for ranges of a blob that is not stored, and fetches the ranges that are
/// missing. A fill that begins with ranges fetches only those and rests when they are available;
/// its file stays for the next fill. It fetches all of the blob as soon as a client requests all of
/// it, half of it is available, or several clients want the same ranges. The home's thread only.
class RangeRequests final : public FetchSink, public RangeFetcher::Owner {
 public:
  /// The body whose file holds the blob.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// Requests the next missing bytes in order, or proves the blob if none is missing. May destroy
    /// everything that the fill owns unless the caller keeps the fill.
    virtual void go_on() = 0;
  };

  /// All outlive this.
  RangeRequests(FillSubject& subject, FillBody::Owner& fill, Owner& body, FillFile& file,
                BlobTransfers& transfers, ParallelFetch& parallel)
      : subject_(subject),
        fill_(fill),
        body_(body),
        file_(file),
        transfers_(transfers),
        parallel_(parallel) {}

  /// Begins with the file that an earlier fill has left, or with the first range, whose answer
  /// names the size.
  void begin();
  /// Answers the request now, or as soon as the upstream has answered. REQUIRES: it wants ranges,
  /// and the file can be read.
  void answer(const ObjectRequest& request);
  /// The upstream has answered for some of the bytes: requests that waited for that are answered.
  void upstream_answered();
  /// Fetches all of the blob from now on. False if there is no room for it, or another fill has the
  /// name of the file.
  bool fetch_whole();
  /// There is no room for more of the blob: the next fill gets the name of the file.
  void step_aside();
  /// A client has joined the fill.
  void client_joined(Client client);
  void stop();
  /// A request waits for the upstream's answer.
  bool awaited() const;
  /// Removes and returns the requests that wait for it.
  std::vector<ObjectRequest> take_waiting();

 private:
  // The HEAD that asks for the size.
  void on_head(const FetchHead& head) override;
  bool on_data(std::uint64_t, std::span<const std::byte>) override { return false; }
  void on_done(const std::optional<Failure>& failure) override;
  // The transfers of ranges.
  void on_range_head(const FetchHead& head) override;
  void on_range_endpoint(const std::string& endpoint) override {
    subject_.endpoints.insert(endpoint);
  }
  std::optional<Failure> on_range_data(std::uint64_t offset,
                                       std::span<const std::byte> data) override;
  void on_range_done(const std::optional<Failure>& failure) override;

  void request_size();
  void open(const FetchHead& head, bool ranges_ignored);
  void range_failed(const Failure& failure);
  void without_ranges();
  void note_served(const std::vector<Span>& spans, Client client);
  std::optional<std::uint64_t> reserve_and_fetch(const std::vector<Span>& spans,
                                                 std::uint64_t ahead);
  void rest_if_idle();
  void rest_after(std::chrono::milliseconds delay);

  FillSubject& subject_;
  FillBody::Owner& fill_;
  Owner& body_;
  FillFile& file_;
  BlobTransfers& transfers_;
  ParallelFetch& parallel_;
  std::unique_ptr<Fetch> size_request_;
  /// The upstream has answered since ranges were last requested from it. Until then no request gets
  /// the growing content, because an error of the upstream is an answer of its own.
  bool upstream_answered_ = false;
  std::vector<std::pair<ObjectRequest, Outcome>> waiting_;  ///< for that answer
  ServedRanges served_;
  ReadAhead read_ahead_;
  std::uint64_t claimed_ = 0;       ///< bytes of room for ranges
  std::optional<Failure> refusal_;  ///< why on_range_data() has rejected wrong bytes
  std::unique_ptr<Timer> rest_timer_;
};

}  // namespace entrepot::cache
