// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/account_health.h"

#include <gtest/gtest.h>

#include "proxy/upstream/account/account_check_phase.h"

namespace entrepot::upstream {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Verdict = AccountVerdict;

class AccountHealthTest : public ::testing::Test {
 protected:
  const Timeouts timeouts{};
  AccountHealth health{timeouts};
  AccountHealth::Time now = AccountHealth::Time() + std::chrono::hours(1);
};

TEST_F(AccountHealthTest, AVerdictHoldsForAWhile) {
  EXPECT_FALSE(health.known(now)) << "unknown at first";
  EXPECT_FALSE(health.judged(Verdict::accepted, now));
  EXPECT_EQ(health.known(now + timeouts.account_checked - seconds(1)), Verdict::accepted);
  EXPECT_FALSE(health.known(now + timeouts.account_checked));
  EXPECT_FALSE(health.judged(Verdict::unanswered, now));
  EXPECT_EQ(health.known(now), Verdict::unanswered);
  EXPECT_FALSE(health.refused());
}

TEST_F(AccountHealthTest, ARefusalHoldsUntilACheckEndsIt) {
  EXPECT_TRUE(health.judged(Verdict::refused, now));
  EXPECT_TRUE(health.refused());
  EXPECT_EQ(health.since(), now);
  EXPECT_EQ(health.known(now + std::chrono::hours(9)), Verdict::refused);
  for (const auto verdict : {Verdict::refused, Verdict::undetermined, Verdict::unanswered}) {
    EXPECT_FALSE(health.judged(verdict, now + minutes(1)));
    EXPECT_EQ(health.known(now + std::chrono::hours(9)), Verdict::refused);
  }
  EXPECT_TRUE(health.judged(Verdict::accepted, now + minutes(2)));
  EXPECT_FALSE(health.refused());
  EXPECT_EQ(health.since(), now + minutes(2));
}

TEST_F(AccountHealthTest, ARefusedAccountIsCheckedLessAndLessOften) {
  EXPECT_FALSE(health.check_due(now)) << "not refused";
  health.judged(Verdict::refused, now);
  for (const auto pause :
       {minutes(1), minutes(2), minutes(4), minutes(8), minutes(15), minutes(15)}) {
    EXPECT_EQ(health.pause(), pause);
    EXPECT_FALSE(health.check_due(now + pause - seconds(1)));
    now += pause;
    EXPECT_TRUE(health.check_due(now));
    health.judged(pause == minutes(2) ? Verdict::unanswered : Verdict::refused, now);
  }
  health.judged(Verdict::accepted, now);
  EXPECT_FALSE(health.check_due(now + std::chrono::hours(1)));
  health.judged(Verdict::refused, now);
  EXPECT_EQ(health.pause(), minutes(1)) << "from the beginning";
}

TEST_F(AccountHealthTest, OneForbiddenLoginIsNoProof) {
  EXPECT_FALSE(health.judged(Verdict::forbidden, now));
  EXPECT_FALSE(health.refused());
  EXPECT_EQ(health.known(now + std::chrono::hours(9)), Verdict::forbidden);
  EXPECT_FALSE(health.check_due(now + timeouts.account_confirmed_after - seconds(1)));
  now += timeouts.account_confirmed_after;
  EXPECT_TRUE(health.check_due(now));
  EXPECT_TRUE(health.judged(Verdict::forbidden, now));
  EXPECT_TRUE(health.refused());
  EXPECT_FALSE(health.check_due(now + minutes(1) - seconds(1)));
  EXPECT_FALSE(health.judged(Verdict::forbidden, now + minutes(1)));
  EXPECT_EQ(health.pause(), minutes(2));
}

TEST_F(AccountHealthTest, AnyOtherVerdictEndsTheSuspicion) {
  for (const auto verdict :
       {Verdict::accepted, Verdict::everybody, Verdict::undetermined, Verdict::unanswered}) {
    EXPECT_FALSE(health.judged(Verdict::forbidden, now));
    EXPECT_FALSE(health.judged(verdict, now));
    EXPECT_EQ(health.known(now), verdict);
    EXPECT_FALSE(health.check_due(now + std::chrono::hours(1)));
  }
}

TEST(AccountCheckPhase, HasTheArrowsOfItsDiagram) {
  using enum AccountCheckPhase;
  constexpr AccountCheckPhase all[] = {idle, elsewhere, challenge, token, base};
  const auto follows = [](AccountCheckPhase from, AccountCheckPhase to) {
    switch (from) {
      case idle:
        return to == challenge || to == elsewhere;
      case elsewhere:
        return to == idle;
      case challenge:
        return to == token || to == base || to == idle;
      case token:
        return to == base || to == idle;
      case base:
        return to == idle;
    }
    return false;
  };
  for (const auto from : all)
    for (const auto to : all)
      EXPECT_EQ(may_follow(from, to), follows(from, to)) << to_string(from) << to_string(to);
}

}  // namespace
}  // namespace entrepot::upstream
