// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/phase.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/unit/proxy/app/captured_log.h"

namespace entrepot::app {
namespace {

constexpr Phase all_phases[] = {Phase::made, Phase::serving, Phase::draining, Phase::ending};

TEST(PhaseOfMirror, HasTheArrowsOfItsDiagram) {
  std::vector<std::pair<Phase, Phase>> arrows;
  for (const auto from : all_phases)
    for (const auto to : all_phases)
      if (may_follow(from, to)) arrows.emplace_back(from, to);
  EXPECT_THAT(arrows, testing::ElementsAre(std::pair(Phase::made, Phase::serving),
                                           std::pair(Phase::made, Phase::draining),
                                           std::pair(Phase::serving, Phase::draining),
                                           std::pair(Phase::draining, Phase::ending)));
}

TEST(PhaseOfMirror, MovesAlongAnArrow) {
  auto phase = Phase::made;
  for (const auto next : {Phase::serving, Phase::draining, Phase::ending}) {
    advance(phase, next);
    EXPECT_EQ(phase, next);
  }
}

#ifdef NDEBUG
TEST(PhaseOfMirror, LogsAForbiddenTransition) {
  CapturedLog captured;
  auto phase = Phase::ending;
  advance(phase, Phase::serving);
  EXPECT_EQ(phase, Phase::serving);
  EXPECT_THAT(captured.text(), testing::HasSubstr("phase went from ending to serving"));
}
#else
TEST(PhaseOfMirrorDeathTest, AForbiddenTransitionEndsTheProcess) {
  auto phase = Phase::ending;
  EXPECT_EXIT(advance(phase, Phase::serving), testing::ExitedWithCode(70), "forbidden transition");
}
#endif

}  // namespace
}  // namespace entrepot::app
