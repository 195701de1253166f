// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_map>

namespace entrepot::cache {

/// A stored object as seen by the eviction policy. Embedded in the entry of the object, which must
/// not move while it is admitted. A hit costs one relaxed atomic operation on `uses`.
struct Resident {
 private:
  friend class ResidentQueue;
  friend class S3Fifo;
  Resident* newer = nullptr;
  Resident* older = nullptr;

 public:
  /// Derived from the digest; identifies an object that returns after eviction.
  std::uint64_t fingerprint = 0;
  /// Size in bytes. While admitted, changed by EvictionPolicy::resize() only.
  std::uint64_t size = 0;
  /// Saturates at max_uses.
  mutable std::atomic<std::uint8_t> uses{0};

  static constexpr std::uint8_t max_uses = 3;
  void use() const {
    // A lost update under contention is harmless: the object is in use either way.
    const auto now = uses.load(std::memory_order_relaxed);
    if (now < max_uses) uses.store(static_cast<std::uint8_t>(now + 1), std::memory_order_relaxed);
  }

 private:
  enum class Queue : std::uint8_t { none, probation, main };
  Queue queue = Queue::none;
};

/// An intrusive FIFO queue.
class ResidentQueue {
 public:
  bool empty() const { return oldest_ == nullptr; }
  std::uint64_t bytes() const { return bytes_; }
  std::size_t count() const { return count_; }
  Resident* oldest() const { return oldest_; }
  void push(Resident& resident);
  void remove(Resident& resident);
  void resized(std::uint64_t before, std::uint64_t after) { bytes_ += after - before; }

 private:
  Resident* oldest_ = nullptr;
  Resident* newest_ = nullptr;
  std::uint64_t bytes_ = 0;
  std::size_t count_ = 0;
};

/// Fingerprints of recently evicted objects, bounded by the sum of their sizes.
class Ghosts {
 public:
  void add(std::uint64_t fingerprint, std::uint64_t size, std::uint64_t capacity);
  bool contains(std::uint64_t fingerprint) const { return counts_.contains(fingerprint); }

 private:
  struct Ghost {
    std::uint64_t fingerprint, size;
  };
  std::deque<Ghost> order_;
  std::unordered_map<std::uint64_t, std::uint32_t> counts_;
  std::uint64_t bytes_ = 0;
};

/// The objects that may be chosen for eviction.
enum class Candidates : std::uint8_t {
  all,
  probation  ///< objects on probation
};

/// True if the object may be evicted now (it is neither read nor pinned).
using MayEvict = std::function<bool(const Resident&)>;

/// S3-FIFO (Yang et al., SOSP 2023) for objects of different sizes. New objects are on probation in
/// a queue of a tenth of the bytes and are evicted from it unless they were used twice. An object
/// that returns soon after its eviction skips probation. Objects in the main queue stay as long as
/// they are used between two turns of the queue. A scan therefore passes through probation and
/// evicts nothing in use.
class S3Fifo {
 public:
  void admit(Resident& resident);
  /// Admits an object to the main queue, without probation.
  void restore(Resident& resident);
  void remove(Resident& resident);
  /// Chooses the next victim and removes it; null if no object may be evicted. `capacity`: target
  /// size of this queue in bytes.
  Resident* evict(std::uint64_t capacity, const MayEvict& may_evict,
                  Candidates among = Candidates::all);

  std::uint64_t bytes() const { return probation_.bytes() + main_.bytes(); }
  std::size_t count() const { return probation_.count() + main_.count(); }
  void resized(const Resident& resident, std::uint64_t before, std::uint64_t after);

 private:
  void move(Resident& resident, Resident::Queue queue);
  Resident* from_probation(std::uint64_t capacity, const MayEvict& may_evict);
  Resident* from_main(const MayEvict& may_evict);

  ResidentQueue probation_;
  ResidentQueue main_;
  Ghosts ghosts_;
};

/// Selects the objects to evict. It has no I/O, no clock and no locks. The cache calls it under its
/// own lock, and the simulator in tests/bench calls the same code.
///
/// Objects form two classes, because most requests are for small objects and most bytes belong to
/// large ones. Objects up to small_limit have a share of their own and never compete with layers of
/// gigabytes. Each class is an S3-FIFO. Either class may use space that the other leaves free.
class EvictionPolicy {
 public:
  static constexpr std::uint64_t small_limit = 1 << 20;
  /// Share of the small class. From 8 % on it hardly matters for the size distribution of a
  /// registry (docs/eviction.md); the rest serves caches whose images are small.
  static constexpr double small_share = 0.20;

  /// REQUIRES: `resident` has its fingerprint and size, and does not move until it is removed or
  /// evicted.
  void admit(Resident& resident) { class_of(resident.size).admit(resident); }
  /// Admits an object that was stored before a restart, without probation.
  void restore(Resident& resident) { class_of(resident.size).restore(resident); }
  /// Removes an object for other reasons than eviction.
  void remove(Resident& resident) { class_of(resident.size).remove(resident); }
  /// Changes the size of an admitted object.
  void resize(Resident& resident, std::uint64_t size);
  /// Evicts and returns one object, or null if none may be evicted. `capacity`: target size of all
  /// objects together in bytes.
  Resident* evict(std::uint64_t capacity, const MayEvict& may_evict,
                  Candidates among = Candidates::all);

  std::uint64_t bytes() const { return small_.bytes() + large_.bytes(); }
  std::size_t count() const { return small_.count() + large_.count(); }

 private:
  S3Fifo& class_of(std::uint64_t size) { return size <= small_limit ? small_ : large_; }

  S3Fifo small_;
  S3Fifo large_;
};

}  // namespace entrepot::cache
