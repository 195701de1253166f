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
  EXPECT_EQ(proof.next(), Step::lead);
  EXPECT_EQ(proof.next(), Step::wait);
  EXPECT_TRUE(proof.ended(true, accepted, {}));
  EXPECT_EQ(proof.next(), Step::follow);
  EXPECT_FALSE(proof.ended(false, accepted, {})) << "nobody waits";
}

TEST(PasswordProof, AfterARefusalAllWaitForACheck) {
  PasswordProof proof;
  EXPECT_EQ(proof.next(), Step::lead);
  EXPECT_TRUE(proof.ended(true, refused, {}));
  EXPECT_EQ(proof.next(), Step::check);
  proof.judged(Verdict::accepted);
  EXPECT_EQ(proof.next(), Step::follow);
  EXPECT_TRUE(proof.ended(false, refused, {})) << "it was changed at the registry";
  EXPECT_EQ(proof.next(), Step::check);
}

TEST(PasswordProof, ARefusalAfterARecentCheckIsOneRepositorys) {
  PasswordProof proof;
  proof.judged(Verdict::accepted);
  EXPECT_FALSE(proof.ended(false, refused, Verdict::accepted));
  EXPECT_EQ(proof.next(), Step::follow);
}

TEST(PasswordProof, TheRefusalOfOneRepositoryDelaysNoOther) {
  PasswordProof proof;
  proof.judged(Verdict::accepted);
  EXPECT_FALSE(proof.ended(false, forbidden, {}));
  EXPECT_EQ(proof.next(), Step::follow);
  PasswordProof unproven;
  unproven.next();
  EXPECT_TRUE(unproven.ended(true, forbidden, {}));
  EXPECT_EQ(unproven.next(), Step::check);
}

TEST(PasswordProof, WithoutAVerdictOneTriesAfterTheOther) {
  for (const auto verdict :
       {Verdict::undetermined, Verdict::unanswered, Verdict::forbidden, Verdict::everybody}) {
    PasswordProof proof;
    proof.next();
    proof.ended(true, refused, {});
    proof.judged(verdict);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(proof.next(), Step::lead);
      EXPECT_EQ(proof.next(), Step::wait);
      EXPECT_TRUE(proof.ended(true, refused, verdict));
    }
  }
}

TEST(PasswordProof, TheFirstOneMayGetNoAnswer) {
  PasswordProof proof;
  proof.next();
  EXPECT_TRUE(proof.ended(true, unanswered, {}));
  EXPECT_EQ(proof.next(), Step::follow) << "one by one, each would wait as long";
}

TEST(PasswordProof, TheFirstOneMayBeGivenUp) {
  PasswordProof proof;
  proof.next();
  EXPECT_FALSE(proof.ended(false, abandoned, {})) << "not the first one";
  EXPECT_EQ(proof.next(), Step::wait);
  EXPECT_TRUE(proof.ended(true, abandoned, {}));
  EXPECT_EQ(proof.next(), Step::lead);
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
