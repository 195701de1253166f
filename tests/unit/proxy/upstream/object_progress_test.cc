// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/object_progress.h"

#include <gtest/gtest.h>

#include <vector>

namespace entrepot::upstream {
namespace {

std::vector<std::byte> bytes(std::size_t count) { return std::vector<std::byte>(count); }

TEST(ObjectProgressTest, FollowsABodyToTheSizeItAnnounces) {
  ObjectProgress progress(0, std::nullopt, 0, std::nullopt);
  EXPECT_EQ(progress.wanted_end(), std::nullopt);
  EXPECT_EQ(progress.left(), std::nullopt);
  progress.begin({.begin = 0, .total = 10});
  EXPECT_EQ(progress.left(), 10U);
  const auto six = bytes(6);
  const auto piece = progress.take(six);
  EXPECT_EQ(piece.offset, 0U);
  EXPECT_EQ(piece.data.size(), 6U);
  EXPECT_FALSE(piece.last);
  EXPECT_EQ(piece.why, "");
  EXPECT_EQ(progress.next(), 6U);
  EXPECT_EQ(progress.left(), 4U);
  EXPECT_EQ(progress.take(six).why, "sends more than the 10 bytes it announced");
  EXPECT_EQ(progress.delivered(), 6U);
}

TEST(ObjectProgressTest, CutsWhatIsBeyondTheWantedEnd) {
  ObjectProgress progress(2, 6, 0, std::nullopt);
  progress.begin({.begin = 2, .total = 100});
  EXPECT_EQ(progress.wanted_end(), 6U);
  const auto three = bytes(3);
  EXPECT_FALSE(progress.take(three).last);
  EXPECT_FALSE(progress.overrun());
  const auto piece = progress.take(three);
  EXPECT_EQ(piece.offset, 5U);
  EXPECT_EQ(piece.data.size(), 1U);
  EXPECT_TRUE(piece.last);
  EXPECT_TRUE(progress.overrun());
  EXPECT_EQ(progress.delivered(), 6U);
}

TEST(ObjectProgressTest, AnObjectMayEndBeforeTheWantedEnd) {
  ObjectProgress progress(0, 50, 0, std::nullopt);
  progress.begin({.begin = 0, .total = 10});
  EXPECT_EQ(progress.wanted_end(), 10U);
}

TEST(ObjectProgressTest, KeepsWhatWasDeliveredWhenABodyBeginsAgain) {
  ObjectProgress progress(0, std::nullopt, 0, 10);
  const auto six = bytes(6);
  progress.take(six);
  progress.begin({.begin = 0, .total = std::nullopt});
  EXPECT_EQ(progress.next(), 0U);
  EXPECT_EQ(progress.delivered(), 6U);
  EXPECT_EQ(progress.left(), 10U);
}

TEST(ObjectProgressTest, RefusesAnObjectThatIsTooLargeOrChangedItsSize) {
  const ObjectProgress progress(0, std::nullopt, 20, 10);
  EXPECT_EQ(progress.refuse({.begin = 0, .total = 10}), std::nullopt);
  EXPECT_EQ(progress.refuse({.begin = 0, .total = std::nullopt}), std::nullopt);
  EXPECT_EQ(progress.refuse({.begin = 0, .total = 11}),
            "announces 11 bytes where it was 10 before");
  EXPECT_EQ(progress.refuse({.begin = 0, .total = 21}),
            "announces 21 bytes, more than the limit of 20");
}

TEST(ObjectProgressTest, RefusesABodyAboveTheLimit) {
  ObjectProgress progress(0, std::nullopt, 5, std::nullopt);
  const auto three = bytes(3);
  EXPECT_EQ(progress.take(three).why, "");
  EXPECT_EQ(progress.take(three).why, "sends more than the limit of 5 bytes");
  EXPECT_EQ(progress.delivered(), 3U);
}

}  // namespace
}  // namespace entrepot::upstream
