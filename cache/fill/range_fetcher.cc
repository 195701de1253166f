// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/range_fetcher.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "cache/fill/rules/grains.h"
#include "cache/index/stored_size.h"

namespace entrepot::cache {
namespace {

/// Most transfers of one blob, besides segments; registries count connections.
constexpr std::size_t most_at_once = 4;
/// Gathered before they are written. Bytes.
constexpr std::size_t gathered_size = 256 << 10;

}  // namespace

class RangeFetcher::Transfer final : public FetchSink,
                                     public std::enable_shared_from_this<Transfer> {
 public:
  Transfer(RangeFetcher& fetcher, const Span& span, bool segment)
      : fetcher_(fetcher), span_(span), segment_(segment), front_(span.begin) {
    auto request = fetcher.request_;
    request.offset = span.begin;
    request.end = span.end;
    request.beside_others = segment;
    fetch_ = fetcher.source_.fetch(std::move(request), *this);
  }

  void on_head(const FetchHead& head) override {
    const auto self = shared_from_this();
    fetcher_.owner_.on_range_head(head);
  }

  void on_endpoint(const std::string& endpoint) override {
    fetcher_.owner_.on_range_endpoint(endpoint);
  }

  void wanted_by(Client client) {
    if (fetch_) fetch_->wanted_by(client);
  }
  Span missing() const { return {front_, span_.end}; }
  bool segment() const { return segment_; }

  bool on_data(std::uint64_t offset, std::span<const std::byte> data) override {
    // After a resume the upstream may have begun from the beginning.
    const auto next = front_ + gathered_.size();
    data = data.subspan(std::min<std::uint64_t>(data.size(), next - std::min(next, offset)));
    gathered_.insert(gathered_.end(), data.begin(), data.end());
    if (gathered_.size() >= gathered_size) {
      refusal_ = write(gathered_.size() / page_size);
      return !refusal_;
    }
    if (!std::exchange(turn_end_posted_, true)) {
      fetcher_.home_.post([weak = weak_from_this()] {
        if (const auto self = weak.lock(); self && self->fetch_) self->turn_ended();
      });
    }
    return true;
  }

  void on_done(const std::optional<Failure>& failure) override {
    const auto self = shared_from_this();
    fetch_.reset();
    if (refusal_) return fetcher_.ended(self, refusal_);
    if (failure) return fetcher_.ended(self, failure);
    if (!gathered_.empty()) refusal_ = fetcher_.owner_.on_range_data(front_, gathered_);
    fetcher_.ended(self, refusal_);
  }

 private:
  std::optional<Failure> write(std::size_t pages) {
    const std::size_t bytes = pages * page_size;
    if (bytes == 0) return std::nullopt;
    if (auto refusal = fetcher_.owner_.on_range_data(front_, std::span(gathered_).first(bytes)))
      return refusal;
    front_ += bytes;
    gathered_.erase(gathered_.begin(), gathered_.begin() + static_cast<std::ptrdiff_t>(bytes));
    return std::nullopt;
  }

  void turn_ended() {
    turn_end_posted_ = false;
    const auto refusal = write(gathered_.size() / page_size);
    if (!refusal) return;
    fetch_.reset();
    fetcher_.ended(shared_from_this(), refusal);
  }

  RangeFetcher& fetcher_;
  const Span span_;
  const bool segment_;
  std::uint64_t front_;  // written up to here
  std::vector<std::byte> gathered_;
  bool turn_end_posted_ = false;
  std::optional<Failure> refusal_;
  std::unique_ptr<Fetch> fetch_;
};

RangeFetcher::RangeFetcher(Owner& owner, Source& source, Executor& home, FetchRequest request,
                           Extents available)
    : owner_(owner),
      source_(source),
      home_(home),
      request_(std::move(request)),
      requested_(std::move(available)) {}

RangeFetcher::~RangeFetcher() = default;

std::uint64_t RangeFetcher::missing(const Span& span) const {
  auto [begin, end] = grains(span);
  std::uint64_t bytes = 0;
  for (auto gap = requested_.gap_in({begin, end}); !gap.empty();
       gap = requested_.gap_in({gap.end, end}))
    bytes += gap.length();
  return bytes;
}

void RangeFetcher::fetch(const Span& span) {
  home_.assert_in_thread();
  const auto wanted = grains(span);
  for (auto gap = requested_.gap_in(wanted); !gap.empty(); gap = requested_.gap_in(wanted)) {
    gap.end = std::min(gap.end, gap.begin + max_range);
    requested_.add(gap);
    waiting_.push_back(gap);
  }
  start_waiting();
}

void RangeFetcher::fetch_again(const Span& span) {
  requested_.remove(grains(span));
  fetch(span);
}

void RangeFetcher::fetch_segment(const Span& span) {
  home_.assert_in_thread();
  requested_.add(span);
  ++segments_;
  running_.insert(std::make_shared<Transfer>(*this, span, /*segment=*/true));
}

void RangeFetcher::wanted_by(Client client) {
  request_.client = client;
  for (const auto& transfer : running_) transfer->wanted_by(client);
}

void RangeFetcher::start_waiting() {
  while (running_.size() - segments_ < most_at_once && !waiting_.empty()) {
    running_.insert(std::make_shared<Transfer>(*this, waiting_.front(), /*segment=*/false));
    waiting_.pop_front();
  }
}

void RangeFetcher::ended(const std::shared_ptr<Transfer>& transfer,
                         const std::optional<Failure>& failure) {
  running_.erase(transfer);
  if (transfer->segment()) --segments_;
  if (failure) {
    requested_.remove(transfer->missing());
    for (const auto& span : std::exchange(waiting_, {})) requested_.remove(span);
  } else {
    start_waiting();
  }
  owner_.on_range_done(failure);
}

}  // namespace entrepot::cache
