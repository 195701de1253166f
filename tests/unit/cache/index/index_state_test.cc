// SPDX-License-Identifier: Apache-2.0
#include "cache/index/index_state.h"

#include <gtest/gtest.h>

#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "metrics/phase_variable.h"

namespace entrepot::cache {
namespace {

constexpr IndexState index_states[] = {IndexState::healthy, IndexState::full, IndexState::failed,
                                       IndexState::released};

TEST(IndexStateTest, AllowsTheArrowsOfTheDiagramOnly) {
  const std::set<std::pair<IndexState, IndexState>> arrows = {
      {IndexState::healthy, IndexState::full},     {IndexState::healthy, IndexState::failed},
      {IndexState::full, IndexState::healthy},     {IndexState::full, IndexState::failed},
      {IndexState::healthy, IndexState::released}, {IndexState::full, IndexState::released},
  };
  for (const IndexState from : index_states) {
    for (const IndexState to : index_states) {
      EXPECT_EQ(may_follow(from, to), arrows.contains({from, to}))
          << to_string(from) << " to " << to_string(to);
    }
  }
}

TEST(IndexStateTest, HasAWordForEachState) {
  std::set<std::string_view> words;
  for (const IndexState value : index_states) words.insert(to_string(value));
  EXPECT_EQ(words.size(), std::size(index_states));
  EXPECT_FALSE(words.contains("unknown"));
}

#ifndef NDEBUG
TEST(IndexStateDeathTest, AFailedIndexStaysFailed) {
  AtomicPhaseVariable<IndexState> state(IndexState::failed);
  EXPECT_EXIT(state.move(IndexState::failed, IndexState::healthy), testing::ExitedWithCode(70),
              "the index moves from \"failed\" to \"healthy\"");
}
#endif

}  // namespace
}  // namespace entrepot::cache
