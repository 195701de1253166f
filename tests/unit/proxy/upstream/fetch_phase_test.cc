// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/fetch_phase.h"

#include <gtest/gtest.h>

#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "metrics/phase_variable.h"

namespace entrepot::upstream {
namespace {

using F = FetchPhase;

constexpr F fetch_phases[] = {F::waiting, F::requesting, F::delivering, F::done};

TEST(FetchPhaseTest, AllowsTheArrowsOfTheDiagramOnly) {
  const std::set<std::pair<F, F>> arrows = {
      {F::waiting, F::requesting},    {F::requesting, F::requesting}, {F::requesting, F::waiting},
      {F::requesting, F::delivering}, {F::requesting, F::done},       {F::delivering, F::waiting},
      {F::delivering, F::requesting}, {F::delivering, F::done},
  };
  for (const F from : fetch_phases) {
    for (const F to : fetch_phases) {
      EXPECT_EQ(may_follow(from, to), arrows.contains({from, to}))
          << to_string(from) << " to " << to_string(to);
    }
  }
}

TEST(FetchPhaseTest, HasAWordForEachPhase) {
  std::set<std::string_view> words;
  for (const F phase : fetch_phases) words.insert(to_string(phase));
  EXPECT_EQ(words.size(), std::size(fetch_phases));
  EXPECT_FALSE(words.contains("unknown"));
}

#ifndef NDEBUG
TEST(FetchPhaseDeathTest, AFetchThatIsDoneSendsNoRequest) {
  PhaseVariable<F> phase(F::waiting);
  phase.enter(F::requesting);
  phase.enter(F::done);
  EXPECT_EXIT(phase.enter(F::requesting), testing::ExitedWithCode(70),
              "a fetch of an object moves from \"done\" to \"requesting\"");
}
#endif

}  // namespace
}  // namespace entrepot::upstream
