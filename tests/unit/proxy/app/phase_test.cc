// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/phase.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace entrepot::app {
namespace {

constexpr Phase all_phases[] = {Phase::made, Phase::serving, Phase::replaced, Phase::draining,
                                Phase::ending};

TEST(PhaseOfMirror, HasTheArrowsOfItsDiagram) {
  std::vector<std::pair<Phase, Phase>> arrows;
  for (const auto from : all_phases)
    for (const auto to : all_phases)
      if (may_follow(from, to)) arrows.emplace_back(from, to);
  EXPECT_THAT(arrows, testing::ElementsAre(std::pair(Phase::made, Phase::serving),
                                           std::pair(Phase::made, Phase::draining),
                                           std::pair(Phase::serving, Phase::replaced),
                                           std::pair(Phase::serving, Phase::draining),
                                           std::pair(Phase::replaced, Phase::ending),
                                           std::pair(Phase::draining, Phase::ending)));
}

}  // namespace
}  // namespace entrepot::app
