// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/password_proof.h"

#include <gtest/gtest.h>

namespace entrepot::upstream {
namespace {

using Step = PasswordProof::Step;
using Verdict = AccountVerdict;
using enum PasswordEnd;

TEST(PasswordProof, OneRequestGoesFirst) {
  PasswordProof proof;
  EXPECT_EQ(proof.next(true), Step::lead);
  EXPECT_EQ(proof.next(true), Step::wait);
  EXPECT_EQ(proof.next(false), Step::follow) << "a password for the endpoint itself";
  EXPECT_TRUE(proof.ended(true, accepted, {}));
  EXPECT_EQ(proof.next(true), Step::follow);
  EXPECT_FALSE(proof.ended(false, accepted, {})) << "nobody waits";
}

TEST(PasswordProof, AfterARefusalAllWaitForACheck) {
  PasswordProof proof;
  EXPECT_EQ(proof.next(true), Step::lead);
  EXPECT_TRUE(proof.ended(true, refused, {}));
  for (const bool may_lead : {true, false}) EXPECT_EQ(proof.next(may_lead), Step::check);
  proof.judged(Verdict::accepted);
  EXPECT_EQ(proof.next(true), Step::follow);
  EXPECT_TRUE(proof.ended(false, refused, {})) << "it was changed at the registry";
  EXPECT_EQ(proof.next(true), Step::check);
}

TEST(PasswordProof, ARefusalAfterARecentCheckIsOneRepositorys) {
  PasswordProof proof;
  proof.judged(Verdict::accepted);
  EXPECT_FALSE(proof.ended(false, refused, Verdict::accepted));
  EXPECT_EQ(proof.next(true), Step::follow);
}

TEST(PasswordProof, WithoutAVerdictOneTriesAfterTheOther) {
  for (const auto verdict :
       {Verdict::untold, Verdict::unanswered, Verdict::forbidden, Verdict::everybody}) {
    PasswordProof proof;
    proof.next(true);
    proof.ended(true, refused, {});
    proof.judged(verdict);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(proof.next(true), Step::lead);
      EXPECT_EQ(proof.next(true), Step::wait);
      EXPECT_TRUE(proof.ended(true, refused, verdict));
    }
  }
}

TEST(PasswordProof, TheFirstOneMayGetNoAnswer) {
  PasswordProof proof;
  proof.next(true);
  EXPECT_TRUE(proof.ended(true, unanswered, {}));
  EXPECT_EQ(proof.next(true), Step::follow) << "one by one, each would wait as long";
}

TEST(PasswordProof, TheFirstOneMayBeGivenUp) {
  PasswordProof proof;
  proof.next(true);
  EXPECT_FALSE(proof.ended(false, abandoned, {})) << "not the first one";
  EXPECT_EQ(proof.next(true), Step::wait);
  EXPECT_TRUE(proof.ended(true, abandoned, {}));
  EXPECT_EQ(proof.next(true), Step::lead);
}

TEST(PasswordState, OnlyAnUnprovenPasswordIsTried) {
  using enum PasswordState;
  constexpr PasswordState all[] = {unproven, tried, open, doubted};
  for (const auto from : all)
    for (const auto to : all)
      EXPECT_EQ(may_follow(from, to), from != to && (to != tried || from == unproven))
          << to_string(from) << to_string(to);
}

}  // namespace
}  // namespace entrepot::upstream
