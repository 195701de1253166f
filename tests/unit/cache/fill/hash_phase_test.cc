// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/hash_phase.h"

#include <gtest/gtest.h>

#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "metrics/phase_variable.h"

namespace entrepot::cache {
namespace {

constexpr HashPhase hash_phases[] = {HashPhase::idle, HashPhase::running, HashPhase::ended};

TEST(HashPhaseTest, AllowsTheArrowsOfTheDiagramOnly) {
  const std::set<std::pair<HashPhase, HashPhase>> arrows = {
      {HashPhase::idle, HashPhase::running},
      {HashPhase::idle, HashPhase::ended},
      {HashPhase::running, HashPhase::idle},
      {HashPhase::running, HashPhase::ended},
  };
  for (const HashPhase from : hash_phases) {
    for (const HashPhase to : hash_phases) {
      EXPECT_EQ(may_follow(from, to), arrows.contains({from, to}))
          << to_string(from) << " to " << to_string(to);
    }
  }
}

TEST(HashPhaseTest, HasAWordForEachState) {
  std::set<std::string_view> words;
  for (const HashPhase value : hash_phases) words.insert(to_string(value));
  EXPECT_EQ(words.size(), std::size(hash_phases));
  EXPECT_FALSE(words.contains("unknown"));
}

#ifndef NDEBUG
TEST(HashPhaseDeathTest, AnEndedHasherStartsNoJob) {
  PhaseVariable<HashPhase> phase(HashPhase::idle);
  phase.enter(HashPhase::ended);
  EXPECT_EXIT(phase.enter(HashPhase::running), testing::ExitedWithCode(70),
              "the hasher of a fill moves from \"ended\" to \"running\"");
}
#endif

}  // namespace
}  // namespace entrepot::cache
