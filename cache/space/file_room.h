// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "cache/space/disk_budget.h"

namespace entrepot::cache {

/// The room of one growing file on the disk. It is reserved a step ahead of the bytes that arrive,
/// because an upstream that announces many bytes and sends few must not evict objects in use; for
/// ranges it is claimed in advance. Without a reservation the file needs no room (it is in memory,
/// or its bytes count as those of a blob), and every request succeeds.
///
/// All sizes are in bytes. Owns the reservation. Used by one thread, which may evict blobs and so
/// has to be a home loop or a thread of the store pool.
class FileRoom {
 public:
  /// `size` of the whole object, if it is known: no more is reserved in advance. `reservation` may
  /// be null. `budget` outlives this.
  FileRoom(DiskBudget& budget, std::optional<std::uint64_t> size,
           std::unique_ptr<DiskBudget::Reservation> reservation)
      : budget_(budget), size_(size), reservation_(std::move(reservation)) {}

  /// Reserves room for `bytes` in total. False if there is none.
  bool claim(std::uint64_t bytes);
  /// Ensures that a file of `present` bytes has room for `more`, and reserves the next step if it
  /// has not. False if there is none.
  bool extend(std::uint64_t present, std::uint64_t more);
  /// Reports that `bytes` of the room are written.
  void wrote(std::uint64_t bytes);
  /// The file system has no room for `bytes` in spite of the reservation, because other files fill
  /// it: evicts blobs. False if none may be evicted.
  bool evict_for(std::uint64_t bytes);
  /// Ends the reservation.
  void give_back() { reservation_.reset(); }

 private:
  DiskBudget& budget_;
  const std::optional<std::uint64_t> size_;
  std::unique_ptr<DiskBudget::Reservation> reservation_;
};

}  // namespace entrepot::cache
