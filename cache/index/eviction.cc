// SPDX-License-Identifier: Apache-2.0
#include "cache/index/eviction.h"

#include "metrics/check.h"

namespace entrepot::cache {
namespace {

/// Part of the bytes of a class that objects on probation may use before unused ones are evicted.
constexpr double probation_share = 0.10;
/// Part of the bytes of a class that bounds the total size of ghosts.
constexpr double ghost_share = 0.90;
/// Uses during probation that promote an object to the main queue.
constexpr std::uint8_t uses_to_stay = 2;

std::uint64_t part(std::uint64_t whole, double share) {
  return static_cast<std::uint64_t>(static_cast<double>(whole) * share);
}

}  // namespace

// ---- ResidentQueue

void ResidentQueue::push(Resident& resident) {
  resident.older = newest_;
  resident.newer = nullptr;
  (newest_ != nullptr ? newest_->newer : oldest_) = &resident;
  newest_ = &resident;
  bytes_ += resident.size;
  ++count_;
}

void ResidentQueue::remove(Resident& resident) {
  (resident.newer != nullptr ? resident.newer->older : newest_) = resident.older;
  (resident.older != nullptr ? resident.older->newer : oldest_) = resident.newer;
  resident.newer = resident.older = nullptr;
  bytes_ -= resident.size;
  --count_;
}

// ---- Ghosts

void Ghosts::add(std::uint64_t fingerprint, std::uint64_t size, std::uint64_t capacity) {
  order_.push_back({fingerprint, size});
  ++counts_[fingerprint];
  bytes_ += size;
  while (bytes_ > capacity) {
    const Ghost oldest = order_.front();
    order_.pop_front();
    bytes_ -= oldest.size;
    const auto found = counts_.find(oldest.fingerprint);
    if (--found->second == 0) counts_.erase(found);
  }
}

// ---- S3Fifo

void S3Fifo::admit(Resident& resident) {
  check(resident.queue == Resident::Queue::none, "an object is admitted once");
  move(resident,
       ghosts_.contains(resident.fingerprint) ? Resident::Queue::main : Resident::Queue::probation);
}

void S3Fifo::restore(Resident& resident) {
  check(resident.queue == Resident::Queue::none, "an object is admitted once");
  move(resident, Resident::Queue::main);
}

void S3Fifo::remove(Resident& resident) { move(resident, Resident::Queue::none); }

void S3Fifo::move(Resident& resident, Resident::Queue queue) {
  const auto queue_of = [this](Resident::Queue which) -> ResidentQueue* {
    if (which == Resident::Queue::none) return nullptr;
    return which == Resident::Queue::probation ? &probation_ : &main_;
  };
  if (auto* const from = queue_of(resident.queue)) from->remove(resident);
  resident.queue = queue;
  if (auto* const to = queue_of(queue)) to->push(resident);
}

void S3Fifo::resized(const Resident& resident, std::uint64_t before, std::uint64_t after) {
  (resident.queue == Resident::Queue::probation ? probation_ : main_).resized(before, after);
}

Resident* S3Fifo::evict(std::uint64_t capacity, const MayEvict& may_evict, Candidates among) {
  if (among == Candidates::probation) return from_probation(capacity, may_evict);
  if (probation_.bytes() > part(capacity, probation_share)) {
    if (auto* const victim = from_probation(capacity, may_evict)) return victim;
  }
  if (auto* const victim = from_main(may_evict)) return victim;
  if (auto* const victim = from_probation(capacity, may_evict)) return victim;
  // All objects on probation were promoted, so evict from the main queue.
  return from_main(may_evict);
}

Resident* S3Fifo::from_probation(std::uint64_t capacity, const MayEvict& may_evict) {
  while (Resident* const oldest = probation_.oldest()) {
    const bool stays = oldest->uses.load(std::memory_order_relaxed) >= uses_to_stay;
    if (stays || !may_evict(*oldest)) {
      if (stays) oldest->uses.store(0, std::memory_order_relaxed);
      move(*oldest, Resident::Queue::main);
      continue;
    }
    move(*oldest, Resident::Queue::none);
    ghosts_.add(oldest->fingerprint, oldest->size, part(capacity, ghost_share));
    return oldest;
  }
  return nullptr;
}

Resident* S3Fifo::from_main(const MayEvict& may_evict) {
  // Each round decrements the use counts, so some object reaches zero after a few rounds. After a
  // full round without a change, no object may be evicted.
  for (std::size_t unchanged = 0; unchanged < main_.count(); ++unchanged) {
    Resident* const oldest = main_.oldest();
    const auto uses = oldest->uses.load(std::memory_order_relaxed);
    if (uses == 0 && may_evict(*oldest)) {
      move(*oldest, Resident::Queue::none);
      return oldest;
    }
    if (uses > 0) {
      oldest->uses.store(static_cast<std::uint8_t>(uses - 1), std::memory_order_relaxed);
      unchanged = 0;
    }
    move(*oldest, Resident::Queue::main);
  }
  return nullptr;
}

// ---- EvictionPolicy

void EvictionPolicy::resize(Resident& resident, std::uint64_t size) {
  S3Fifo& before = class_of(resident.size);
  S3Fifo& after = class_of(size);
  if (&before == &after) {
    before.resized(resident, resident.size, size);
    resident.size = size;
    return;
  }
  before.remove(resident);
  resident.size = size;
  after.admit(resident);
}

Resident* EvictionPolicy::evict(std::uint64_t capacity, const MayEvict& may_evict,
                                Candidates among) {
  const std::uint64_t small_capacity = part(capacity, small_share);
  const std::uint64_t large_capacity = capacity - small_capacity;
  // Evicts from the class that exceeds its share. Until then either class may use space that the
  // other leaves free.
  const bool small_first = small_.bytes() > small_capacity || large_.count() == 0;
  if (small_first) {
    if (auto* const victim = small_.evict(small_capacity, may_evict, among)) return victim;
    return large_.evict(large_capacity, may_evict, among);
  }
  if (auto* const victim = large_.evict(large_capacity, may_evict, among)) return victim;
  return small_.evict(small_capacity, may_evict, among);
}

}  // namespace entrepot::cache
