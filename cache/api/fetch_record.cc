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

void FetchRecord::add_to(log::UpstreamWork& sum, Time now) const {
  const MutexLock lock(mutex_);
  for (const auto& endpoint : work_.endpoints) add_endpoint(sum, endpoint);
  for (const auto& move : work_.first_moves) add_move(sum, move);
  sum.kept += work_.kept;
  sum.queued += work_.queued;
  sum.awaited += work_.awaited;
  if (awaited_ > 0) sum.awaited += now - awaited_since_;
  sum.stalls += work_.stalls;
  sum.stalled += work_.stalled;
  sum.resumes += work_.resumes;
  sum.moves += work_.moves;
  sum.transfers = std::max(sum.transfers, work_.transfers);
}

void WorkForRequest::add(const std::shared_ptr<const FetchRecord>& record) {
  const MutexLock lock(mutex_);
  const bool known = std::ranges::find(records_, record) != records_.end();
  if (!known && records_.size() < most_records) records_.push_back(record);
}

log::UpstreamWork WorkForRequest::sum(FetchRecord::Time now) const {
  const MutexLock lock(mutex_);
  log::UpstreamWork sum;
  for (const auto& record : records_) record->add_to(sum, now);
  return sum;
}

}  // namespace entrepot::cache
