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

/// Brings single pieces of one blob from the upstream, each by a fetch of its own, a few at a time;
/// what has been asked for is not asked for again. On the home's thread.
class RangeFetcher {
 public:
  /// Who wants them.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// May destroy the RangeFetcher.
    virtual void on_piece_head(const FetchHead& head) = 0;
    /// What comes now is from another endpoint.
    virtual void on_piece_endpoint(const std::string& endpoint) = 0;
    /// Whole pages of the blob, or its end. A failure: no more.
    virtual std::optional<Failure> on_piece(std::uint64_t offset,
                                            std::span<const std::byte> data) = 0;
    /// One has ended. After a failure the others go on, nothing that waited begins, and what it
    /// did not bring counts as not asked for. May destroy the RangeFetcher.
    virtual void on_piece_done(const std::optional<Failure>& failure) = 0;
  };

  /// `request`: for the whole blob. `there` is not brought.
  RangeFetcher(Owner& owner, Source& source, Executor& home, FetchRequest request, Extents there);
  ~RangeFetcher();
  RangeFetcher(const RangeFetcher&) = delete;
  RangeFetcher& operator=(const RangeFetcher&) = delete;

  /// The bytes of this, in whole grains, that have not been asked for.
  std::uint64_t missing(const Span& span) const;
  /// Asks for those, at once or when others have ended. Where the size is known the span lies
  /// within the blob; before, it is so short that it makes one transfer, whose end the upstream
  /// cuts.
  void want(const Span& span);
  /// Asks for these bytes again, whole grains of which are there.
  void want_again(const Span& span);
  /// What is there, on its way, or going to be.
  const Extents& asked() const { return asked_; }
  /// `client` waits for them as well.
  void wanted_by(Client client);
  /// Nothing is on its way.
  bool idle() const { return running_.empty(); }
  /// Brings this at once, beside what is wanted. REQUIRES: nothing of it has been asked for.
  void bring_segment(const Span& span);
  /// How many of those are on their way.
  std::size_t segments() const { return segments_; }

  /// What is asked for begins and ends on multiples of this: small, for lazy pullers read here and
  /// there, and their registries charge by the byte; large enough for one request to be worth it.
  static constexpr std::uint64_t grain = 64 << 10;
  /// Of one transfer, so that small pieces do not wait long behind large ones.
  static constexpr std::uint64_t largest = 8 << 20;
  /// The whole ones that hold it.
  static Span grains(const Span& span);

 private:
  class Transfer;
  void start_waiting();
  void ended(const std::shared_ptr<Transfer>& transfer, const std::optional<Failure>& failure);

  Owner& owner_;
  Source& source_;
  Executor& home_;
  FetchRequest request_;
  Extents asked_;
  std::size_t segments_ = 0;
  std::deque<Span> waiting_;
  std::unordered_set<std::shared_ptr<Transfer>> running_;
};

}  // namespace entrepot::cache
