// SPDX-License-Identifier: Apache-2.0
#include "cache/space/file_room.h"

#include <gtest/gtest.h>

#include "tests/unit/cache/sizes.h"
#include "tests/unit/cache/storage_fixture.h"

namespace entrepot::cache {
namespace {

class FileRoomTest : public StorageTest {
 protected:
  static constexpr std::uint64_t kib = 1 << 10;
  /// Most bytes that one blob may have.
  static constexpr std::uint64_t most = 16 * mib;

  FileRoom room(std::optional<std::uint64_t> size, std::uint64_t reserved) {
    return {storage.budget, size, storage.budget.reserve(reserved).reservation};
  }
  std::uint64_t reserved() const { return storage.budget.used() - used_before; }

  const std::uint64_t used_before = storage.budget.used();
};

TEST_F(FileRoomTest, ReservesAStepAhead) {
  auto file = room(10 * mib, 64 * kib);
  EXPECT_TRUE(file.extend(0, 64 * kib));
  EXPECT_EQ(reserved(), 64 * kib) << "these bytes have room";
  EXPECT_TRUE(file.extend(64 * kib, kib));
  EXPECT_EQ(reserved(), 128 * kib) << "the smallest step";
  EXPECT_TRUE(file.extend(64 * kib, mib));
  EXPECT_EQ(reserved(), 64 * kib + mib) << "the need";
  EXPECT_TRUE(file.extend(mib, 65 * kib));
  EXPECT_EQ(reserved(), 64 * kib + mib + 256 * kib) << "a quarter of what is there";
}

TEST_F(FileRoomTest, ReservesNoMoreThanTheObjectNeeds) {
  auto file = room(100 * kib + 1, 64 * kib);
  EXPECT_TRUE(file.extend(64 * kib, 4 * kib));
  EXPECT_EQ(reserved(), 104 * kib);
}

TEST_F(FileRoomTest, ReservesOnlyTheNeedIfAStepDoesNotFit) {
  auto file = room(20 * mib, most - 256 * kib);
  EXPECT_TRUE(file.extend(most - 256 * kib, 128 * kib));
  EXPECT_EQ(reserved(), most - 128 * kib);
}

TEST_F(FileRoomTest, RefusesMoreThanABlobMayHave) {
  auto file = room(20 * mib, most);
  EXPECT_FALSE(file.extend(most, 1));
  EXPECT_FALSE(file.claim(most + 1));
  EXPECT_EQ(reserved(), most);
}

TEST_F(FileRoomTest, ClaimReservesATotal) {
  auto file = room(10 * mib, 64 * kib);
  EXPECT_TRUE(file.claim(5 * mib));
  EXPECT_EQ(reserved(), 5 * mib);
  EXPECT_TRUE(file.claim(mib));
  EXPECT_EQ(reserved(), 5 * mib) << "a smaller claim gives nothing back";
}

TEST_F(FileRoomTest, GiveBackEndsTheReservation) {
  auto file = room(10 * mib, 5 * mib);
  file.give_back();
  EXPECT_EQ(reserved(), 0U);
  EXPECT_EQ(storage.budget.reserved_files(), 0U);
  EXPECT_TRUE(file.extend(most, most));
  EXPECT_TRUE(file.claim(2 * most));
  file.wrote(1);
  EXPECT_EQ(reserved(), 0U) << "without a reservation every request succeeds";
}

TEST_F(FileRoomTest, EvictsBlobsWhenTheDiskIsFull) {
  auto file = room(10 * mib, 64 * kib);
  EXPECT_FALSE(file.evict_for(1)) << "the cache is empty";
  const auto blob = store_blob(pattern(10'000));
  EXPECT_TRUE(file.evict_for(1));
  EXPECT_FALSE(blob_file_exists(blob));
}

}  // namespace
}  // namespace entrepot::cache
