// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <unordered_set>
#include <utility>

#include "metrics/mutex.h"

namespace entrepot::cache {

/// Read positions of all clients following a growing object. Bytes before the slowest may be
/// discarded. Thread-safe.
class ReadPositions : public std::enable_shared_from_this<ReadPositions> {
 public:
  static constexpr std::uint64_t nobody = std::numeric_limits<std::uint64_t>::max();

  /// The read position of one answer, initially 0. Removed when the answer is destroyed.
  class Reader {
   public:
    explicit Reader(std::shared_ptr<ReadPositions> readers) : readers_(std::move(readers)) {
      const MutexLock lock(readers_->mutex_);
      readers_->all_.insert(this);
    }
    ~Reader() {
      const MutexLock lock(readers_->mutex_);
      readers_->all_.erase(this);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    /// Reports that bytes before `offset` will not be read again. Called by the reading thread.
    void at(std::uint64_t offset) { at_.store(offset, std::memory_order_release); }
    /// True after this reader was disconnected for being slow: its next bytes may have been
    /// discarded. Check it after a read; the bytes read are valid if it is still false.
    bool cut() const { return cut_.load(std::memory_order_acquire); }

   private:
    friend class ReadPositions;
    const std::shared_ptr<ReadPositions> readers_;
    std::atomic<std::uint64_t> at_{0};
    std::atomic<bool> cut_{false};
    std::uint64_t marked_ = 0;  // guarded by the mutex of the ReadPositions
  };

  std::shared_ptr<Reader> join() { return std::make_shared<Reader>(shared_from_this()); }

  /// The first byte that a reader still needs; `nobody` without readers.
  std::uint64_t slowest() const {
    std::uint64_t slowest = nobody;
    for_each([&](const Reader&, std::uint64_t at) { slowest = std::min(slowest, at); });
    return slowest;
  }
  /// True if at least one reader is connected or about to start.
  bool anybody() const {
    const MutexLock lock(mutex_);
    return std::ranges::any_of(all_, [](const Reader* reader) { return !reader->cut(); });
  }
  /// Position of the fastest reader; 0 without readers.
  std::uint64_t fastest() const {
    std::uint64_t fastest = 0;
    for_each([&](const Reader&, std::uint64_t at) { fastest = std::max(fastest, at); });
    return fastest;
  }
  /// Records the position of each reader.
  void mark() {
    for_each([](Reader& reader, std::uint64_t at) { reader.marked_ = at; });
  }
  /// Disconnects readers positioned before `offset` that advanced at most `min_progress` bytes
  /// since mark(). Returns their number.
  std::size_t cut_before(std::uint64_t offset, std::uint64_t min_progress) {
    std::size_t count = 0;
    for_each([&](Reader& reader, std::uint64_t at) {
      if (at >= offset || at - reader.marked_ > min_progress) return;
      reader.cut_.store(true, std::memory_order_release);
      ++count;
    });
    return count;
  }

 private:
  template <typename Visit>
  void for_each(const Visit& visit) const {
    const MutexLock lock(mutex_);
    for (Reader* const reader : all_)
      if (!reader->cut()) visit(*reader, reader->at_.load(std::memory_order_acquire));
  }

  mutable Mutex mutex_;
  std::unordered_set<Reader*> all_ GUARDED_BY(mutex_);
};

}  // namespace entrepot::cache
