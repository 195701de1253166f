// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/fill_phase.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "metrics/phase_variable.h"

namespace entrepot::cache {
namespace {

template <typename Phase, std::size_t size>
void expect_arrows(const Phase (&all)[size], const std::set<std::pair<Phase, Phase>>& arrows) {
  std::set<std::string_view> words;
  for (const Phase from : all) {
    words.insert(to_string(from));
    for (const Phase to : all) {
      EXPECT_EQ(may_follow(from, to), arrows.contains({from, to}))
          << to_string(from) << " to " << to_string(to);
    }
  }
  EXPECT_EQ(words.size(), size) << "a word for each phase";
  EXPECT_FALSE(words.contains("unknown"));
}

TEST(FillPhaseTest, AllowsTheArrowsOfTheDiagramOnly) {
  using enum FillPhase;
  constexpr FillPhase all[] = {asking, arriving, proving, keeping, ended};
  expect_arrows(all, {{asking, arriving},
                      {arriving, proving},
                      {proving, asking},
                      {proving, keeping},
                      {asking, ended},
                      {arriving, ended},
                      {proving, ended},
                      {keeping, ended}});
}

TEST(FetchScopeTest, AllowsTheArrowsOfTheDiagramOnly) {
  using enum FetchScope;
  constexpr FetchScope all[] = {ranges, only_ranges, whole};
  expect_arrows(all, {{ranges, only_ranges}, {ranges, whole}, {only_ranges, whole}});
}

#ifndef NDEBUG
TEST(FillPhaseDeathTest, AnEndedFillKeepsNothing) {
  PhaseVariable<FillPhase> phase(FillPhase::asking);
  phase.enter(FillPhase::ended);
  EXPECT_EXIT(phase.enter(FillPhase::keeping), testing::ExitedWithCode(70),
              "a fill moves from \"ended\" to \"keeping\"");
}

TEST(FetchScopeDeathTest, AWholeFetchDoesNotNarrow) {
  PhaseVariable<FetchScope> scope(FetchScope::whole);
  EXPECT_EXIT(scope.enter(FetchScope::ranges), testing::ExitedWithCode(70),
              "the scope of a fill moves from \"whole\" to \"ranges\"");
}
#endif

}  // namespace
}  // namespace entrepot::cache
