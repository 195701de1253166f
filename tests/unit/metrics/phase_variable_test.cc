// SPDX-License-Identifier: Apache-2.0
#include "metrics/phase_variable.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "metrics/log.h"

namespace entrepot {
namespace {

enum class Door : std::uint8_t { open, closed, locked };

bool may_follow(Door from, Door to) {
  return from != to && (from == Door::closed || to == Door::closed);
}
std::string_view to_string(Door door) {
  return door == Door::open ? "open" : door == Door::closed ? "closed" : "locked";
}
std::string_view machine_of(Door) { return "a door"; }

TEST(PhaseVariableTest, FollowsTheArrows) {
  PhaseVariable<Door> door(Door::open);
  EXPECT_TRUE(door.is(Door::open));
  door.enter(Door::closed);
  door.enter(Door::locked);
  EXPECT_EQ(door.get(), Door::locked);
  EXPECT_FALSE(door.is(Door::closed));
}

TEST(AtomicPhaseVariableTest, MovesOnceFromAPhase) {
  AtomicPhaseVariable<Door> door(Door::open);
  EXPECT_TRUE(door.move(Door::open, Door::closed));
  EXPECT_FALSE(door.move(Door::open, Door::closed));
  EXPECT_TRUE(door.is(Door::closed));
}

#ifdef NDEBUG
TEST(PhaseVariableTest, LogsAForbiddenTransitionInReleaseBuilds) {
  PhaseVariable<Door> door(Door::open);
  testing::internal::CaptureStderr();
  log::start({});  // another test may have left another level
  door.enter(Door::locked);
  log::stop();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("a door moves from \"open\" to \"locked\""), std::string::npos) << log;
  EXPECT_TRUE(door.is(Door::locked));
}
#else
TEST(PhaseVariableDeathTest, EndsTheProcessOnAForbiddenTransitionInDebugBuilds) {
  PhaseVariable<Door> door(Door::open);
  EXPECT_EXIT(door.enter(Door::locked), testing::ExitedWithCode(70),
              "a door moves from \"open\" to \"locked\"");
}
#endif

}  // namespace
}  // namespace entrepot
