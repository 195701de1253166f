// SPDX-License-Identifier: Apache-2.0
#include "metrics/check.h"

#include <gtest/gtest.h>

namespace entrepot {
namespace {

TEST(Check, PassesWhatHolds) { check(true, "one is one"); }

TEST(CheckDeathTest, EndsWithCode70AndNamesThePlace) {
  EXPECT_EXIT(check(false, "the moon is round"), testing::ExitedWithCode(70),
              "entrepot: bug: the moon is round \\(check_test.cc:[0-9]+");
}

}  // namespace
}  // namespace entrepot
