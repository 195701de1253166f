// SPDX-License-Identifier: Apache-2.0
#include "cache/api/fetch_record.h"

#include <algorithm>
#include <utility>

namespace entrepot::cache {
namespace {

void add_endpoint(log::UpstreamWork& work, const std::string& endpoint) {
  if (std::ranges::find(work.endpoints, endpoint) != work.endpoints.end()) return;
  if (work.endpoints.size() < FetchRecord::most_names) work.endpoints.push_back(endpoint);
}

void add_move(log::UpstreamWork& work, FetchRecord::Move move) {
  if (work.first_moves.size() < FetchRecord::most_names)
    work.first_moves.push_back(std::move(move));
}

}  // namespace

FetchRecord::Wait::Wait(std::shared_ptr<FetchRecord> record) : record_(std::move(record)) {
  if (record_) record_->wait_begins(std::chrono::steady_clock::now());
}

FetchRecord::Wait& FetchRecord::Wait::operator=(Wait&& other) noexcept {
  end();
  record_ = std::move(other.record_);
  return *this;
}

void FetchRecord::Wait::end(std::chrono::nanoseconds queued) {
  if (const auto record = std::exchange(record_, nullptr))
    record->wait_ends(std::chrono::steady_clock::now(), queued);
}

void FetchRecord::wait_begins(Time now) {
  const MutexLock lock(mutex_);
  if (awaited_++ == 0) awaited_since_ = now;
}

void FetchRecord::wait_ends(Time now, std::chrono::nanoseconds queued) {
  const MutexLock lock(mutex_);
  work_.queued += queued;
  if (--awaited_ > 0) return;
  work_.awaited += std::max<std::chrono::nanoseconds>(now - awaited_since_ - queued, {});
}

void FetchRecord::delivers(const std::string& endpoint) {
  const MutexLock lock(mutex_);
  add_endpoint(work_, endpoint);
}

void FetchRecord::stalled(std::chrono::nanoseconds length, bool begins) {
  const MutexLock lock(mutex_);
  work_.stalled += length;
  if (begins) ++work_.stalls;
}

void FetchRecord::resumed() {
  const MutexLock lock(mutex_);
  ++work_.resumes;
}

void FetchRecord::moved(Move move) {
  const MutexLock lock(mutex_);
  ++work_.moves;
  add_move(work_, std::move(move));
}

void FetchRecord::transfers(std::size_t count) {
  const MutexLock lock(mutex_);
  work_.transfers = std::max<std::uint64_t>(work_.transfers, count);
}

void FetchRecord::kept(std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  work_.kept += bytes;
}

std::chrono::nanoseconds FetchRecord::awaited(Time now) const {
  return work_.awaited + (awaited_ > 0 ? now - awaited_since_ : Time::duration::zero());
}

FetchRecord::Mark FetchRecord::mark(Time now) const {
  const MutexLock lock(mutex_);
  return {.at = now,
          .kept = work_.kept,
          .stalls = work_.stalls,
          .resumes = work_.resumes,
          .moves = work_.moves,
          .queued = work_.queued,
          .awaited = awaited(now),
          .stalled = work_.stalled};
}

void FetchRecord::add_since(const Mark& mark, log::UpstreamWork& sum, Time now) const {
  using std::chrono::nanoseconds;
  const MutexLock lock(mutex_);
  // A wait is noted at its end, and may have begun before the mark.
  const auto within = [span = std::max<nanoseconds>(now - mark.at, {})](nanoseconds length) {
    return std::clamp(length, nanoseconds::zero(), span);
  };
  for (const auto& endpoint : work_.endpoints) add_endpoint(sum, endpoint);
  for (std::size_t i = mark.moves; i < work_.first_moves.size(); ++i)
    add_move(sum, work_.first_moves[i]);
  sum.kept += work_.kept - mark.kept;
  sum.queued += within(work_.queued - mark.queued);
  sum.awaited += within(awaited(now) - mark.awaited);
  // A body may have stood still already.
  const bool goes_on = work_.stalls == mark.stalls && work_.stalled > mark.stalled;
  sum.stalls += goes_on ? 1 : work_.stalls - mark.stalls;
  sum.stalled += within(work_.stalled - mark.stalled);
  sum.resumes += work_.resumes - mark.resumes;
  sum.moves += work_.moves - mark.moves;
  sum.transfers = std::max(sum.transfers, work_.transfers);
}

void WorkForRequest::add(const std::shared_ptr<const FetchRecord>& record, FetchRecord::Time now) {
  const MutexLock lock(mutex_);
  const bool known = std::ranges::find(joined_, record, &Joined::record) != joined_.end();
  if (!known && joined_.size() < most_records) joined_.push_back({record, record->mark(now)});
}

log::UpstreamWork WorkForRequest::sum(FetchRecord::Time now) const {
  const MutexLock lock(mutex_);
  log::UpstreamWork sum;
  for (const auto& [record, mark] : joined_) record->add_since(mark, sum, now);
  return sum;
}

}  // namespace entrepot::cache
