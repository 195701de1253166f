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

/// A stored object as the eviction policy sees it. Part of whatever keeps the object, which must
/// not move it while it is admitted. A hit is one relaxed atomic on `uses` and nothing else.
struct Resident {
 private:
  friend class ResidentQueue;
  friend class S3Fifo;
  Resident* newer = nullptr;
  Resident* older = nullptr;

 public:
  /// Of the digest: by this an object that comes back is recognised.
  std::uint64_t fingerprint = 0;
  /// Bytes it takes; may change by EvictionPolicy::resize() only while admitted.
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
  enum class Queue : std::uint8_t { none, probation, kept };
  Queue queue = Queue::none;
};

/// First in, first out, of objects that are linked through themselves.
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

/// Fingerprints of what left lately, bounded by the bytes they stood for.
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

/// Who may be chosen to leave.
enum class Candidates : std::uint8_t {
  all,
  newcomers  ///< who is on probation
};

/// True where the object may leave now (nobody reads it, no pin holds it).
using MayLeave = std::function<bool(const Resident&)>;

/// S3-FIFO (Yang et al., SOSP 2023) over objects of different sizes: newcomers are on probation in
/// a queue of a tenth of the bytes and leave from there unless they were used twice; what left
/// lately and comes back skips probation; what is kept is kept as long as it is used between two
/// turns. So a scan passes through probation and pushes out nothing that is in use.
class S3Fifo {
 public:
  void admit(Resident& resident);
  /// As admit(), of one that has earned its place already.
  void restore(Resident& resident);
  void remove(Resident& resident);
  /// Chooses who leaves next and removes it; null where nobody may. `capacity`: the bytes this
  /// queue should keep to.
  Resident* evict(std::uint64_t capacity, const MayLeave& may_leave,
                  Candidates among = Candidates::all);

  std::uint64_t bytes() const { return probation_.bytes() + kept_.bytes(); }
  std::size_t count() const { return probation_.count() + kept_.count(); }
  void resized(const Resident& resident, std::uint64_t before, std::uint64_t after);

 private:
  void move(Resident& resident, Resident::Queue queue);
  Resident* from_probation(std::uint64_t capacity, const MayLeave& may_leave);
  Resident* from_kept(const MayLeave& may_leave);

  ResidentQueue probation_;
  ResidentQueue kept_;
  Ghosts ghosts_;
};

/// Which object leaves when there is not enough room: no I/O, no clock, no locks. The cache calls
/// it under its own lock, and the simulator in tests/bench calls this very code.
///
/// Two classes, because requests are mostly for small objects and bytes are mostly in large ones:
/// what is at most small_limit has a share of its own, in which it never competes with layers of
/// gigabytes, and each class is an S3-FIFO. Either may use what the other leaves free.
class EvictionPolicy {
 public:
  static constexpr std::uint64_t small_limit = 1 << 20;
  /// Of the capacity, for the small class. From 8 % on it hardly matters where sizes are
  /// those of a registry (docs/eviction.md); the rest is for caches whose images are small.
  static constexpr double small_share = 0.20;

  /// `resident` has its fingerprint and size, and stays where it is until it is removed or evicted.
  void admit(Resident& resident) { class_of(resident.size).admit(resident); }
  /// The same for what was here before a restart: what has stayed until then is not on probation.
  void restore(Resident& resident) { class_of(resident.size).restore(resident); }
  /// It left by other ways.
  void remove(Resident& resident) { class_of(resident.size).remove(resident); }
  /// Sets another size.
  void resize(Resident& resident, std::uint64_t size);
  /// The object that should leave, no longer admitted; null where none may. `capacity`: the bytes
  /// all objects together should keep to.
  Resident* evict(std::uint64_t capacity, const MayLeave& may_leave,
                  Candidates among = Candidates::all);

  std::uint64_t bytes() const { return small_.bytes() + large_.bytes(); }
  std::size_t count() const { return small_.count() + large_.count(); }

 private:
  S3Fifo& class_of(std::uint64_t size) { return size <= small_limit ? small_ : large_; }

  S3Fifo small_;
  S3Fifo large_;
};

}  // namespace entrepot::cache
