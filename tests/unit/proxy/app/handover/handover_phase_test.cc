// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/handover/handover_phase.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace entrepot::app {
namespace {

using enum HandoverPhase;
constexpr HandoverPhase handover_phases[] = {waiting,  offered,   releasing,
                                             released, abandoned, done};

TEST(PhaseOfHandover, HasTheArrowsOfItsDiagram) {
  const std::set<std::pair<HandoverPhase, HandoverPhase>> arrows = {
      {waiting, offered},    {offered, waiting},    {offered, releasing},
      {releasing, waiting},  {releasing, released}, {releasing, abandoned},
      {released, abandoned}, {released, done},      {abandoned, released}};
  for (const auto from : handover_phases)
    for (const auto to : handover_phases)
      EXPECT_EQ(may_follow(from, to), arrows.contains({from, to}))
          << to_string(from) << " to " << to_string(to);
}

}  // namespace
}  // namespace entrepot::app
