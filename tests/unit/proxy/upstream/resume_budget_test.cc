// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/resume_budget.h"

#include <gtest/gtest.h>

namespace entrepot::upstream {
namespace {

using std::chrono::milliseconds;

TEST(ResumeBudgetTest, AllowsAFixedNumberPerEndpoint) {
  ResumeBudget budget({.resumes = 2}, 2, 0, 1);
  for (int resume = 0; resume < 4; ++resume) EXPECT_TRUE(budget.take()) << resume;
  EXPECT_FALSE(budget.take());
}

TEST(ResumeBudgetTest, CountsAgainFromZeroAfterProgress) {
  ResumeBudget budget({.resumes = 1, .resume_progress = 100}, 1, 50, 1);
  EXPECT_TRUE(budget.take());
  EXPECT_FALSE(budget.progressed(149));
  EXPECT_FALSE(budget.take());
  EXPECT_TRUE(budget.progressed(150));
  EXPECT_TRUE(budget.take());
  EXPECT_FALSE(budget.progressed(249));
  EXPECT_FALSE(budget.take());
}

TEST(ResumeBudgetTest, WaitsForACircuitWithinBounds) {
  ResumeBudget budget({.resumes = 5}, 1, 0, 1);
  const Timeouts timeouts{.backoff_first = milliseconds(100), .backoff_longest = milliseconds(400)};
  EXPECT_TRUE(budget.take());
  EXPECT_LE(budget.wait(timeouts, std::nullopt), milliseconds(400));
  EXPECT_EQ(budget.wait(timeouts, milliseconds(5000)), milliseconds(5000));
  EXPECT_EQ(budget.wait(timeouts, milliseconds(60000)), ResumeBudget::longest_circuit_wait);
  EXPECT_LE(budget.wait(timeouts, milliseconds(1)), milliseconds(400));
}

}  // namespace
}  // namespace entrepot::upstream
