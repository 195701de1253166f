// SPDX-License-Identifier: Apache-2.0
#include "cache/space/room.h"

#include <limits>
#include <system_error>
#include <utility>

#include "cache/index/layout.h"
#include "cache/store/disk.h"
#include "cache/store/environment.h"

namespace entrepot::cache {
namespace {

using metrics::NoRoom;

/// Most layers are larger.
constexpr std::uint64_t least_room = 1 << 20;

std::string mebibytes(std::uint64_t bytes) {
  return bytes < least_room ? std::to_string(bytes) + " bytes"
                            : std::to_string(bytes >> 20) + " MiB";
}

}  // namespace

std::optional<NoRoom> no_room(const Numbers& numbers) {
  if (numbers.max_size < least_room) return NoRoom::max_size;
  if (numbers.reserve_free >= numbers.total) return NoRoom::reserve_disk;
  if (numbers.free < numbers.reserve_free && numbers.used < least_room) return NoRoom::reserve_free;
  return std::nullopt;
}

std::string no_room_text(NoRoom reason, const Numbers& numbers,
                         const std::filesystem::path& directory) {
  const std::string nothing = "nothing can be stored in " + directory.string() + ": ";
  switch (reason) {
    case NoRoom::max_size:
      return nothing + "cache.max_size is " + mebibytes(numbers.max_size) +
             ", less than a layer has; give it a size such as 100GiB or 80%";
    case NoRoom::reserve_disk:
      return nothing + "cache.reserve_free keeps " + mebibytes(numbers.reserve_free) +
             " free, and the file system has " + mebibytes(numbers.total) +
             " in all; lower it, to 20% for example";
    case NoRoom::reserve_free:
      break;
  }
  return nothing + "cache.reserve_free keeps " + mebibytes(numbers.reserve_free) +
         " free, and of the " + mebibytes(numbers.total) + " of the file system only " +
         mebibytes(numbers.free) +
         " are free; remove other files, lower cache.reserve_free, or give " +
         "the cache a disk of its own";
}

Numbers space_of(const std::filesystem::path& directory) {
  std::error_code none;
  auto existing = directory;
  while (!std::filesystem::exists(existing, none) && existing.has_relative_path())
    existing = existing.parent_path();
  const Disk disk{Layout(existing)};
  return {.total = disk.total_bytes(), .free = disk.free_bytes()};
}

Options with_sizes(Options options) {
  if (options.max_size_percent == 0 && options.reserve_free_percent == 0) return options;
  const auto total = space_of(options.directory).total;
  if (options.max_size_percent > 0) options.max_size = part_of(total, options.max_size_percent);
  if (options.reserve_free_percent > 0)
    options.reserve_free = part_of(total, options.reserve_free_percent);
  return options;
}

std::optional<std::string> fault_of_room(const Options& options) {
  const auto sized = with_sizes(options);
  auto numbers = space_of(options.directory);
  numbers.max_size = sized.max_size;
  numbers.reserve_free = sized.reserve_free;
  if (Disk(Layout(options.directory)).has_index())
    numbers.used = std::numeric_limits<std::uint64_t>::max();
  const auto reason = no_room(numbers);
  if (!reason) return std::nullopt;
  return no_room_text(*reason, numbers, options.directory);
}

}  // namespace entrepot::cache
