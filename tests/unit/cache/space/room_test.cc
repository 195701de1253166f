// SPDX-License-Identifier: Apache-2.0
#include "cache/space/room.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "cache/store/environment.h"

namespace entrepot::cache {
namespace {

using metrics::NoRoom;
using testing::HasSubstr;

constexpr std::uint64_t mib = 1 << 20, gib = 1 << 30;

TEST(Room, SizesThatLeaveNone) {
  const auto of = [](std::uint64_t max_size, std::uint64_t reserve_free) {
    return no_room({.total = 20 * gib,
                    .free = 12 * gib,
                    .used = 0,
                    .max_size = max_size,
                    .reserve_free = reserve_free});
  };
  EXPECT_EQ(of(10 * gib, 5 * gib), std::nullopt);
  EXPECT_EQ(of(10, 0), NoRoom::max_size);
  EXPECT_EQ(of(10 * gib, 40 * gib), NoRoom::reserve_disk);
  EXPECT_EQ(of(10 * gib, 20 * gib), NoRoom::reserve_disk);
  EXPECT_EQ(of(10 * gib, 13 * gib), NoRoom::reserve_free);
}

TEST(Room, ACacheEvictsItsOwnFilesForTheReserve) {
  EXPECT_EQ(no_room({.total = 20 * gib,
                     .free = 2 * gib,
                     .used = 10 * gib,
                     .max_size = 15 * gib,
                     .reserve_free = 4 * gib}),
            std::nullopt);
}

TEST(Room, ADiskFilledByOthersIsNoFaultOfTheSizes) {
  EXPECT_EQ(no_room({.total = gib, .free = 0, .used = 0, .max_size = gib, .reserve_free = 0}),
            std::nullopt);
}

TEST(Room, TheTextHasTheNumbersThePlaceAndTheRemedy) {
  const Numbers numbers{
      .total = 20 * gib, .free = 12 * gib, .used = 0, .max_size = 10, .reserve_free = 40 * gib};
  for (const auto reason : {NoRoom::max_size, NoRoom::reserve_disk, NoRoom::reserve_free})
    EXPECT_THAT(no_room_text(reason, numbers, "/cache"), HasSubstr("in /cache: "));
  EXPECT_THAT(no_room_text(NoRoom::max_size, numbers, "/cache"), HasSubstr("is 10 bytes"));
  EXPECT_THAT(no_room_text(NoRoom::reserve_disk, numbers, "/cache"),
              HasSubstr("keeps 40960 MiB free, and the file system has 20480 MiB"));
  EXPECT_THAT(no_room_text(NoRoom::reserve_free, numbers, "/cache"),
              HasSubstr("only 12288 MiB are free"));
}

TEST(Room, APartIsRoundedDown) {
  EXPECT_EQ(part_of(1000, 33), 330U);
  EXPECT_EQ(part_of(999, 50), 499U);
  EXPECT_EQ(part_of(~std::uint64_t{0}, 100), ~std::uint64_t{0}) << "without an overflow";
}

TEST(Room, PercentagesFollowTheFileSystem) {
  Options options;
  options.max_size_percent = 50;
  options.reserve_free = 7;
  Limits limits(options);
  EXPECT_TRUE(limits.follow(100 * mib));
  EXPECT_EQ(limits.max_size, 50 * mib);
  EXPECT_FALSE(limits.follow(100 * mib)) << "nothing has changed";
  EXPECT_TRUE(limits.follow(200 * mib));
  EXPECT_EQ(limits.max_size, 100 * mib);
  EXPECT_EQ(limits.reserve_free, 7U) << "bytes stay";
  options.max_size_percent = 0;
  options.max_size = 3 * mib;
  options.reserve_free_percent = 10;
  limits.set(options, 200 * mib);
  EXPECT_EQ(limits.max_size, 3 * mib);
  EXPECT_EQ(limits.reserve_free, 20 * mib);
  EXPECT_TRUE(limits.follow(100 * mib));
  EXPECT_EQ(limits.max_size, 3 * mib);
}

TEST(Room, SizesOfADirectoryThatDoesNotExistYetAreThoseOfItsParent) {
  EXPECT_EQ(space_of("/proc/self/none/yet").total, space_of("/proc/self").total);
  Options options;
  options.directory = "/none/yet";
  options.max_size_percent = 50;
  EXPECT_EQ(with_sizes(options).max_size, part_of(space_of("/").total, 50));
}

}  // namespace
}  // namespace entrepot::cache
