// SPDX-License-Identifier: Apache-2.0
// How many transfers, and how long their segments are.
#include "cache/fill/rules/parallelism.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cache/fill/range_fetcher.h"
#include "tests/unit/cache/sizes.h"

namespace entrepot::cache {
namespace {

/// Steps of a line on which `transfers` bring rate(transfers) bytes an interval.
template <typename Rate>
std::vector<std::size_t> run(Parallelism& parallelism, int steps, std::uint64_t size, Rate rate,
                             std::size_t most = 8) {
  std::vector<std::size_t> taken;
  std::uint64_t arrived = 0;
  for (int i = 0; i < steps; ++i) {
    arrived += rate(parallelism.transfers());
    taken.push_back(parallelism.step(arrived, size - std::min(size, arrived), most));
  }
  return taken;
}

/// At which steps there were more than before.
std::vector<std::size_t> trials(const std::vector<std::size_t>& taken) {
  std::vector<std::size_t> found;
  for (std::size_t i = 1; i < taken.size(); ++i) {
    if (taken[i] > taken[i - 1]) found.push_back(i);
  }
  return found;
}

TEST(Parallelism, DoublesWhileTheSpeedGrows) {
  Parallelism parallelism;
  const auto taken = run(parallelism, 10, 1000 * mib, [](auto n) { return n * mib; });
  EXPECT_EQ(taken, (std::vector<std::size_t>{1, 2, 2, 4, 4, 8, 8, 8, 8, 8}));
}

TEST(Parallelism, ReturnsToFewerWithoutMoreSpeed) {
  Parallelism parallelism;
  const auto taken = run(parallelism, 8, 100 * mib, [](auto) { return 4 * mib; });
  EXPECT_EQ(taken, (std::vector<std::size_t>{1, 2, 2, 1, 1, 1, 1, 1}));
}

TEST(Parallelism, KeepsTheNumberThatTheLineCanUse) {
  Parallelism parallelism;
  const auto taken =
      run(parallelism, 12, 150 * mib, [](auto n) { return std::min<std::uint64_t>(n, 4) * mib; });
  EXPECT_EQ(taken.back(), 4U);
  EXPECT_EQ(*std::max_element(taken.begin(), taken.end()), 8U);
}

TEST(Parallelism, ALongTransferGetsALongTrial) {
  Parallelism parallelism;
  // Two bring twice as much, in bursts.
  int step = 0;
  const auto rate = [&step](auto n) { return n == 1 ? mib : ++step % 4 == 0 ? 8 * mib : 0; };
  EXPECT_EQ(run(parallelism, 40, 4000 * mib, rate, 2).back(), 2U);
  Parallelism impatient;
  step = 0;
  EXPECT_EQ(run(impatient, 5, 20 * mib, rate, 2).back(), 1U);
}

TEST(Parallelism, TriesAgainAfterAGrowingPause) {
  Parallelism parallelism;
  const auto taken =
      run(parallelism, 300, 100000 * mib, [](auto n) { return n == 1 ? 4 * mib : 3 * mib; });
  EXPECT_EQ(trials(taken), (std::vector<std::size_t>{1, 33, 81, 161}));
}

TEST(Parallelism, ASaturatedLinkMakesThePauseLonger) {
  Parallelism parallelism;
  const auto taken = run(parallelism, 300, 100000 * mib, [](auto) { return 4 * mib; });
  EXPECT_EQ(trials(taken), (std::vector<std::size_t>{1, 81, 225}));
}

TEST(Parallelism, NarrowKeepsOneTransfer) {
  Parallelism parallelism;
  run(parallelism, 4, 1000 * mib, [](auto n) { return n * mib; });
  parallelism.narrow();
  const auto taken = run(parallelism, 300, 100000 * mib, [](auto n) { return n * mib; });
  EXPECT_EQ(*std::max_element(taken.begin(), taken.end()), 1U);
}

TEST(Parallelism, StaysWithinTheLimit) {
  Parallelism parallelism;
  const auto taken = run(
      parallelism, 10, 1000 * mib, [](auto n) { return n * mib; }, 3);
  EXPECT_EQ(*std::max_element(taken.begin(), taken.end()), 2U);
}

TEST(Parallelism, AddsNothingToATransferThatEndsSoon) {
  Parallelism parallelism;
  const auto taken = run(parallelism, 10, 11 * mib, [](auto n) { return n * mib; });
  EXPECT_EQ(*std::max_element(taken.begin(), taken.end()), 1U);
}

TEST(Parallelism, BytesOfAnEarlierFillDoNotCountAsSpeed) {
  Parallelism parallelism;
  parallelism.step(500 * mib, 500 * mib, 8);
  EXPECT_EQ(parallelism.step(501 * mib, 499 * mib, 8), 2U);
  parallelism.step(502 * mib, 498 * mib, 8);
  EXPECT_EQ(parallelism.step(504 * mib, 496 * mib, 8), 4U);
}

TEST(Parallelism, SegmentsLastEquallyLongAtAnySpeed) {
  for (const auto [rate, on_trial, after_it] : {std::array{mib / 100, mib / 4, mib / 4},
                                                {mib / 2, 2 * mib, 4 * mib},
                                                {4 * mib, 8 * mib, 8 * mib}}) {
    Parallelism parallelism;
    run(parallelism, 2, 1000 * mib, [rate = rate](auto n) { return n * rate; });
    EXPECT_EQ(parallelism.segment(1000 * mib), on_trial);
    run(parallelism, 10, 1000 * mib, [rate = rate](auto n) { return n * rate; });
    EXPECT_EQ(parallelism.segment(1000 * mib), after_it);
  }
}

TEST(Parallelism, SegmentsShrinkTowardsTheEndDownToAMinimum) {
  Parallelism parallelism;
  run(parallelism, 10, 1000 * mib, [](auto n) { return n * mib; });
  ASSERT_EQ(parallelism.transfers(), 8U);
  EXPECT_EQ(parallelism.segment(64 * mib), 8 * mib);
  EXPECT_EQ(parallelism.segment(32 * mib), 4 * mib);
  EXPECT_EQ(parallelism.segment(20 * mib + 8), 41 * grain);
  EXPECT_EQ(parallelism.segment(mib), 2 * mib);
}

TEST(ExtraTransfers, AreSharedAndGivenBack) {
  ExtraTransfers all(10);
  ExtraTransfers::Share first(all);
  {
    ExtraTransfers::Share second(all);
    second.hold(7);
    EXPECT_EQ(second.most(), 10U);
    EXPECT_EQ(first.most(), 3U);
    first.hold(3);
    EXPECT_EQ(second.most(), 7U);
  }
  EXPECT_EQ(first.most(), 10U);
  first.hold(0);
  EXPECT_EQ(first.most(), 10U);
}

}  // namespace
}  // namespace entrepot::cache
