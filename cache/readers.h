// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <utility>

namespace entrepot::cache {

/// Where those are who read an arriving object: behind the slowest of them nothing is needed any
/// more. Thread-safe.
class Readers : public std::enable_shared_from_this<Readers> {
 public:
  static constexpr std::uint64_t nobody = std::numeric_limits<std::uint64_t>::max();

  /// One answer's place in the object, at its beginning first; gone when the answer is.
  class Reader {
   public:
    explicit Reader(std::shared_ptr<Readers> readers) : readers_(std::move(readers)) {
      const std::lock_guard lock(readers_->mutex_);
      readers_->all_.insert(this);
    }
    ~Reader() {
      const std::lock_guard lock(readers_->mutex_);
      readers_->all_.erase(this);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    /// Bytes before `offset` will not be read again. The thread that reads.
    void at(std::uint64_t offset) { at_.store(offset, std::memory_order_release); }
    /// Left behind: what it needs next may be gone. To be asked after bytes were read: those were
    /// there if it is still false.
    bool cut() const { return cut_.load(std::memory_order_acquire); }

   private:
    friend class Readers;
    const std::shared_ptr<Readers> readers_;
    std::atomic<std::uint64_t> at_{0};
    std::atomic<bool> cut_{false};
    std::uint64_t marked_ = 0;  // guarded by mutex_ of the readers
  };

  std::shared_ptr<Reader> join() { return std::make_shared<Reader>(shared_from_this()); }

  /// The first byte that somebody still needs; nobody where there is none.
  std::uint64_t slowest() const {
    std::uint64_t slowest = nobody;
    for_each([&](const Reader&, std::uint64_t at) { slowest = std::min(slowest, at); });
    return slowest;
  }
  /// Somebody reads it, or is about to.
  bool anybody() const {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(all_, [](const Reader* reader) { return !reader->cut(); });
  }
  /// Where the first of them is, or waits to begin; 0 where there is none.
  std::uint64_t fastest() const {
    std::uint64_t fastest = 0;
    for_each([&](const Reader&, std::uint64_t at) { fastest = std::max(fastest, at); });
    return fastest;
  }
  /// Notes where each is.
  void mark() {
    for_each([](Reader& reader, std::uint64_t at) { reader.marked_ = at; });
  }
  /// Leaves those behind that are before `offset` and have come no further than `least` bytes since
  /// mark(), and says how many.
  std::size_t cut_before(std::uint64_t offset, std::uint64_t least) {
    std::size_t count = 0;
    for_each([&](Reader& reader, std::uint64_t at) {
      if (at >= offset || at - reader.marked_ > least) return;
      reader.cut_.store(true, std::memory_order_release);
      ++count;
    });
    return count;
  }

 private:
  template <typename Visit>
  void for_each(const Visit& visit) const {
    const std::lock_guard lock(mutex_);
    for (Reader* const reader : all_)
      if (!reader->cut()) visit(*reader, reader->at_.load(std::memory_order_acquire));
  }

  mutable std::mutex mutex_;
  std::unordered_set<Reader*> all_;  // guarded by mutex_
};

}  // namespace entrepot::cache
