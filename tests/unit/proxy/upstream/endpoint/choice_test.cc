// SPDX-License-Identifier: Apache-2.0
// The statistics of endpoints and the choice that follows from them.
#include "proxy/upstream/endpoint/choice.h"

#include <gtest/gtest.h>

#include <vector>

namespace entrepot::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t mib = 1024 * 1024;
constexpr std::uint64_t manifest = 4096;
constexpr std::uint64_t layer = 64 * mib;

class ChoiceTest : public ::testing::Test {
 protected:
  /// An endpoint that has answered `times` questions, each after `first_byte`, at `rate`.
  static void serves(EndpointStats& of, milliseconds first_byte, std::uint64_t rate,
                     Measure::Time from, int times = 10) {
    for (int i = 0; i < times; ++i) {
      const auto now = from + milliseconds(200) * i;
      of.first_byte(first_byte, now);
      of.received(rate, seconds(1), now);
      of.succeeded(now);
    }
  }

  std::vector<Candidate> candidates() const {
    return {{.estimate = first_.estimate(now_)}, {.estimate = second_.estimate(now_)}};
  }
  std::size_t chosen(std::uint64_t bytes, std::optional<std::size_t> incumbent = {}) const {
    return choose(candidates(), bytes, incumbent).value().index;
  }
  bool explores(std::uint64_t bytes, std::optional<std::size_t> incumbent = {}) const {
    return choose(candidates(), bytes, incumbent).value().explores;
  }

  Measure::Time now_{std::chrono::hours(1)};
  EndpointStats first_;
  EndpointStats second_;
};

TEST_F(ChoiceTest, WithoutKnowledgeTheOrderDecides) {
  EXPECT_EQ(chosen(manifest), 0U);
  EXPECT_EQ(chosen(layer), 0U);
  EXPECT_FALSE(explores(layer));
}

TEST_F(ChoiceTest, SmallGoesByTheFirstByteAndLargeByTheRate) {
  serves(first_, milliseconds(10), 2 * mib, now_ - seconds(2));
  serves(second_, milliseconds(150), 40 * mib, now_ - seconds(2));
  EXPECT_EQ(chosen(manifest), 0U);
  EXPECT_EQ(chosen(layer), 1U);
}

TEST_F(ChoiceTest, AMeasureWinsOverTheConfiguredOrder) {
  first_.first_byte(milliseconds(200), now_);
  second_.first_byte(milliseconds(5), now_);  // a probe each, nothing more
  EXPECT_EQ(chosen(manifest), 1U);
  EXPECT_TRUE(explores(layer, 0)) << "200 ms matter little to a layer; its rate might";
}

TEST_F(ChoiceTest, TheIncumbentStaysUnlessAnotherIsClearlyBetter) {
  serves(first_, milliseconds(50), 10 * mib, now_ - seconds(2));
  serves(second_, milliseconds(42), 11 * mib, now_ - seconds(2));
  EXPECT_EQ(chosen(manifest), 1U);
  EXPECT_EQ(chosen(manifest, 0), 0U);
  EXPECT_EQ(chosen(layer, 0), 0U);
  serves(second_, milliseconds(20), 40 * mib, now_);
  now_ += seconds(2);
  EXPECT_EQ(chosen(manifest, 0), 1U);
  EXPECT_EQ(chosen(layer, 0), 1U);
}

TEST_F(ChoiceTest, AMillisecondIsNotWorthAMove) {
  serves(first_, milliseconds(3), 50 * mib, now_ - seconds(2));
  serves(second_, milliseconds(1), 50 * mib, now_ - seconds(2));
  EXPECT_EQ(chosen(manifest, 0), 0U);
}

TEST_F(ChoiceTest, OneThatDoesNotAnswerIsLeftUntilItDoes) {
  serves(first_, milliseconds(5), 50 * mib, now_ - seconds(2));
  serves(second_, milliseconds(200), 2 * mib, now_ - seconds(2));
  first_.unreachable(now_);
  EXPECT_EQ(chosen(manifest, 0), 1U);
  now_ += minutes(10);
  EXPECT_EQ(chosen(manifest, 0), 1U) << "time alone tells nothing";
  first_.answers(now_);
  EXPECT_EQ(chosen(manifest, 1), 0U);
}

TEST_F(ChoiceTest, TheSuspectIsAskedOnlyWhenNobodyElseIsThere) {
  serves(first_, milliseconds(5), 50 * mib, now_ - seconds(2));
  serves(second_, milliseconds(200), 2 * mib, now_ - seconds(2));
  first_.mismatched(now_);
  EXPECT_EQ(chosen(layer, 0), 1U);
  auto all = candidates();
  all[1].excluded = true;
  EXPECT_EQ(choose(all, layer, std::nullopt).value().index, 0U);
  all[1] = {.estimate = second_.estimate(now_), .open = false};
  EXPECT_EQ(choose(all, layer, std::nullopt).value().index, 0U);
  now_ += EndpointStats::suspicion;
  EXPECT_EQ(chosen(manifest), 0U);
}

TEST_F(ChoiceTest, TheScarceIsSparedButStillBetterThanTheSuspect) {
  serves(first_, milliseconds(5), 50 * mib, now_ - seconds(2));
  serves(second_, milliseconds(200), 2 * mib, now_ - seconds(2));
  auto all = candidates();
  all[0].low_on_quota = true;
  EXPECT_EQ(choose(all, manifest, 0).value().index, 1U);
  all[1].low_on_quota = true;
  EXPECT_EQ(choose(all, manifest, 0).value().index, 0U);
  second_.mismatched(now_);
  all[1] = {.estimate = second_.estimate(now_)};
  EXPECT_EQ(choose(all, manifest, 1).value().index, 0U);
}

TEST_F(ChoiceTest, FailuresCountAndFade) {
  serves(first_, milliseconds(20), 50 * mib, now_ - seconds(2));
  serves(second_, milliseconds(100), 50 * mib, now_ - seconds(2));
  for (int i = 0; i < 3; ++i) first_.faulty(now_);
  EXPECT_EQ(chosen(manifest, 0), 1U);
  now_ += minutes(3);
  EXPECT_EQ(chosen(manifest, 1), 0U);
}

TEST_F(ChoiceTest, ChoosesNoneWhenAllAreExcluded) {
  auto all = candidates();
  for (auto& one : all) one.excluded = true;
  EXPECT_FALSE(choose(all, layer, 0).has_value());
}

TEST_F(ChoiceTest, AnIncumbentThatIsExcludedIsNotKept) {
  auto all = candidates();
  all[0].excluded = true;
  EXPECT_EQ(choose(all, manifest, 0).value().index, 1U);
}

/// The fast one becomes as slow as the other was, and the other as fast; only a probe tells.
TEST_F(ChoiceTest, AChangeOfPlacesIsSeenWithinAFewAnswers) {
  serves(first_, milliseconds(5), 50 * mib, now_ - seconds(20), 40);
  serves(second_, milliseconds(200), 2 * mib, now_ - minutes(2));
  EXPECT_EQ(chosen(manifest, 0), 0U);
  serves(first_, milliseconds(200), 2 * mib, now_, 6);
  now_ += seconds(2);
  EXPECT_TRUE(first_.estimate(now_).worse);
  second_.first_byte(milliseconds(5), now_);
  EXPECT_EQ(chosen(manifest, 0), 1U);
  EXPECT_EQ(chosen(layer, 0), 1U) << "what it could do two minutes ago means little";
}

TEST_F(ChoiceTest, ALargeObjectIsLentToOneThatWasNeverMeasured) {
  serves(first_, milliseconds(20), 5 * mib, now_ - seconds(2));
  second_.first_byte(milliseconds(40), now_);
  EXPECT_FALSE(explores(manifest, 0));
  ASSERT_TRUE(explores(layer, 0));
  EXPECT_EQ(chosen(layer, 0), 1U);
  second_.explored(now_);
  EXPECT_FALSE(explores(layer, 0)) << "once, then not for a while";
  now_ += minutes(1);
  EXPECT_TRUE(explores(layer, 0));
  second_.received(mib, seconds(1), now_);
  EXPECT_FALSE(explores(layer, 0)) << "it is measured now";
}

TEST_F(ChoiceTest, OneThatIsFarIsNotWorthMeasuring) {
  serves(first_, milliseconds(5), 50 * mib, now_ - seconds(2));
  second_.first_byte(milliseconds(900), now_);
  EXPECT_FALSE(explores(8 * mib, 0));
}

TEST(Measure, ForgetsByTime) {
  Measure measure;
  Measure::Time now{std::chrono::hours(1)};
  EXPECT_FALSE(measure.mean().has_value());
  for (int i = 0; i < 20; ++i) measure.add(10, now += milliseconds(1));
  measure.add(1, now += milliseconds(1));
  EXPECT_NEAR(*measure.mean(), 7.3, 0.1);
  measure.add(1, now += minutes(1));
  EXPECT_NEAR(*measure.mean(), 1, 0.01) << "after a long silence the new sample is what counts";
}

TEST(Measure, PercentilesAreOfTheLastSamples) {
  Measure measure;
  const Measure::Time now{std::chrono::hours(1)};
  for (int i = 1; i < 8; ++i) measure.add(i, now);
  EXPECT_FALSE(measure.percentile(0.5).has_value());
  for (int i = 8; i <= 20; ++i) measure.add(i, now);
  EXPECT_EQ(measure.percentile(0.5), 10);
  EXPECT_EQ(measure.percentile(0.95), 19);
  EXPECT_EQ(measure.percentile(1), 20);
  for (int i = 0; i < 64; ++i) measure.add(3, now);
  EXPECT_EQ(measure.percentile(1), 3);
}

TEST(EndpointStats, BeingOutrunTeachesOnlyWhatIsWorse) {
  EndpointStats knowledge;
  const EndpointStats::Time now{std::chrono::hours(1)};
  knowledge.first_byte(milliseconds(100), now);
  knowledge.lost_race(milliseconds(30), now);
  EXPECT_DOUBLE_EQ(*knowledge.estimate(now).first_byte, 0.1);
  knowledge.lost_race(milliseconds(500), now);
  EXPECT_GT(*knowledge.estimate(now).first_byte, 0.2);
}

}  // namespace
}  // namespace entrepot::upstream
