// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/breaker_state.h"

#include <gtest/gtest.h>

#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "metrics/phase_variable.h"

namespace entrepot::upstream {
namespace {

constexpr BreakerState breaker_states[] = {BreakerState::closed, BreakerState::open,
                                           BreakerState::probing};

TEST(BreakerStateTest, AllowsTheArrowsOfTheDiagramOnly) {
  const std::set<std::pair<BreakerState, BreakerState>> arrows = {
      {BreakerState::closed, BreakerState::open},    {BreakerState::open, BreakerState::probing},
      {BreakerState::open, BreakerState::closed},    {BreakerState::probing, BreakerState::open},
      {BreakerState::probing, BreakerState::closed},
  };
  for (const BreakerState from : breaker_states) {
    for (const BreakerState to : breaker_states) {
      EXPECT_EQ(may_follow(from, to), arrows.contains({from, to}))
          << to_string(from) << " to " << to_string(to);
    }
  }
}

TEST(BreakerStateTest, HasAWordForEachState) {
  std::set<std::string_view> words;
  for (const BreakerState value : breaker_states) words.insert(to_string(value));
  EXPECT_EQ(words.size(), std::size(breaker_states));
  EXPECT_FALSE(words.contains("unknown"));
}

#ifndef NDEBUG
TEST(BreakerStateDeathTest, AClosedBreakerProbesNothing) {
  PhaseVariable<BreakerState> state(BreakerState::closed);
  EXPECT_EXIT(state.enter(BreakerState::probing), testing::ExitedWithCode(70),
              "a circuit breaker moves from \"closed\" to \"probing\"");
}
#endif

}  // namespace
}  // namespace entrepot::upstream
