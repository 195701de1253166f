// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/trouble.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::upstream {
namespace {

using metrics::EndpointFailure;
using std::chrono::minutes;
using std::chrono::seconds;
using Line = Trouble::Line;

class TroubleTest : public ::testing::Test {
 protected:
  Line fail(const std::string& text, bool certain = false,
            EndpointFailure reason = EndpointFailure::tls) {
    now += seconds(1);
    return trouble.failed(reason, text, certain, now);
  }
  Trouble trouble;
  Trouble::Time now = Trouble::Time() + std::chrono::hours(1);
};

TEST_F(TroubleTest, NothingIsKnownAtFirst) {
  EXPECT_FALSE(trouble.last());
  EXPECT_FALSE(trouble.present());
  EXPECT_FALSE(trouble.succeeded());
}

TEST_F(TroubleTest, AFewFailuresMayBeChance) {
  for (int i = 1; i < Trouble::failures_before_line; ++i) EXPECT_EQ(fail("stalled"), Line::none);
  EXPECT_FALSE(trouble.succeeded()) << "the log has no line that needs an end";
  for (int i = 1; i < Trouble::failures_before_line; ++i) EXPECT_EQ(fail("stalled"), Line::none);
  EXPECT_EQ(fail("stalled"), Line::begun);
  EXPECT_EQ(fail("stalled"), Line::none);
  EXPECT_TRUE(trouble.succeeded());
}

TEST_F(TroubleTest, ACertainFailureNeedsALine) { EXPECT_EQ(fail("refused", true), Line::begun); }

TEST_F(TroubleTest, AChangedReasonNeedsALine) {
  EXPECT_EQ(fail("self-signed certificate", true), Line::begun);
  EXPECT_EQ(fail("certificate has expired"), Line::changed);
  EXPECT_EQ(fail("certificate has expired"), Line::none);
  EXPECT_EQ(fail("certificate has expired", false, EndpointFailure::proxy), Line::changed)
      << "the same words mean something else";
}

TEST_F(TroubleTest, NumbersChangeNoReason) {
  EXPECT_EQ(fail("no answer in 5000 ms", true), Line::begun);
  const auto since = trouble.last()->since;
  EXPECT_EQ(fail("no answer in 5003 ms"), Line::none);
  EXPECT_EQ(trouble.last()->text, "no answer in 5003 ms");
  EXPECT_EQ(trouble.last()->since, since);
}

TEST_F(TroubleTest, AReasonThatChangesEachTimeDoesNotFillTheLog) {
  fail("x", true);
  int lines = 0;
  for (int i = 0; i < 600; ++i) lines += fail(i % 2 == 0 ? "a" : "b") == Line::changed ? 1 : 0;
  EXPECT_GE(lines, Trouble::most_lines);
  EXPECT_LE(lines, Trouble::most_lines + 600 / 60 + 1);
}

TEST_F(TroubleTest, TroubleThatComesAndGoesDoesNotFillTheLog) {
  int lines = 0;
  for (int i = 0; i < 300; ++i) {
    lines += fail("refused", true) == Line::none ? 0 : 1;
    trouble.succeeded();
  }
  EXPECT_GE(lines, Trouble::most_lines);
  EXPECT_LE(lines, Trouble::most_lines + 300 / 60 + 1);
}

TEST_F(TroubleTest, KnowsSinceWhenAndWhetherItIsOver) {
  fail("a");
  const auto first = now;
  fail("a");
  EXPECT_EQ(trouble.last()->since, first);
  EXPECT_EQ(trouble.last()->at, now);
  EXPECT_FALSE(trouble.last()->over);
  fail("b");
  EXPECT_EQ(trouble.last()->since, now) << "another reason";
  trouble.succeeded();
  EXPECT_TRUE(trouble.last()->over);
  EXPECT_EQ(trouble.last()->text, "b") << "it stays known";
  fail("b");
  EXPECT_EQ(trouble.last()->since, now) << "after a success";
  EXPECT_FALSE(trouble.last()->over);
}

TEST(TroubleState, HasTheArrowsOfItsDiagram) {
  using enum TroubleState;
  constexpr TroubleState all[] = {none, counted, logged};
  for (const auto from : all)
    for (const auto to : all) {
      const bool arrow = (from == none && to == counted) || (from == counted && to == logged) ||
                         (from != none && to == none);
      EXPECT_EQ(may_follow(from, to), arrow) << to_string(from) << " to " << to_string(to);
    }
}

}  // namespace
}  // namespace entrepot::upstream
