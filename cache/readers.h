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

   private:
    friend class Readers;
    const std::shared_ptr<Readers> readers_;
    std::atomic<std::uint64_t> at_{0};
  };

  std::shared_ptr<Reader> join() { return std::make_shared<Reader>(shared_from_this()); }

  /// The first byte that somebody still needs; nobody where there is none.
  std::uint64_t slowest() const {
    const std::lock_guard lock(mutex_);
    std::uint64_t slowest = nobody;
    for (const Reader* const reader : all_)
      slowest = std::min(slowest, reader->at_.load(std::memory_order_acquire));
    return slowest;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_set<const Reader*> all_;  // guarded by mutex_
};

}  // namespace entrepot::cache
