// SPDX-License-Identifier: Apache-2.0
#include "cache/space/file_room.h"

#include <algorithm>

#include "cache/index/stored_size.h"

namespace entrepot::cache {
namespace {

/// Evicted beyond the need when the disk is full. Bytes.
constexpr std::uint64_t room_when_full = 64 << 20;

}  // namespace

bool FileRoom::claim(std::uint64_t bytes) {
  if (!reservation_) return true;
  const auto wanted = std::max(size_on_disk(bytes), reservation_->bytes());
  return wanted == reservation_->bytes() ||
         budget_.grow(*reservation_, wanted - reservation_->bytes());
}

bool FileRoom::extend(std::uint64_t present, std::uint64_t more) {
  if (!reservation_) return true;
  const auto wanted = present + more;
  if (wanted <= reservation_->bytes()) return true;
  const auto missing = wanted - reservation_->bytes();
  const auto step = std::max(missing, budget_.step(present));
  const auto left = size_ ? size_on_disk(*size_) - reservation_->bytes() : step;
  // Without room for a step there may be room for less: one call evicts a limited number of blobs.
  return budget_.grow(*reservation_, std::max(missing, std::min(step, left))) ||
         budget_.grow(*reservation_, missing);
}

void FileRoom::wrote(std::uint64_t bytes) {
  if (reservation_) reservation_->wrote(bytes);
}

bool FileRoom::evict_for(std::uint64_t bytes) { return budget_.make_room(bytes + room_when_full); }

}  // namespace entrepot::cache
