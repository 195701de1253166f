// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/transfer_phase.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "metrics/phase_variable.h"

namespace entrepot::upstream {
namespace {

using enum TransferPhase;

constexpr TransferPhase all[] = {created, awaiting_head, delivering, discarding,
                                 cut,     refused,       abandoned,  ended};

TEST(TransferPhaseTest, AllowsTheArrowsOfTheDiagramOnly) {
  const std::set<std::pair<TransferPhase, TransferPhase>> arrows = {
      {created, awaiting_head},
      {awaiting_head, delivering},
      {awaiting_head, discarding},
      {awaiting_head, cut},
      {awaiting_head, refused},
      {delivering, refused},
      {discarding, cut},
      {created, abandoned},
      {awaiting_head, abandoned},
      {delivering, abandoned},
      {discarding, abandoned},
      {cut, abandoned},
      {refused, abandoned},
      {awaiting_head, ended},
      {delivering, ended},
      {discarding, ended},
      {cut, ended},
      {refused, ended},
      {abandoned, ended},
  };
  for (const TransferPhase from : all) {
    for (const TransferPhase to : all) {
      EXPECT_EQ(may_follow(from, to), arrows.contains({from, to}))
          << to_string(from) << " to " << to_string(to);
    }
  }
}

TEST(TransferPhaseTest, HasAWordForEachPhase) {
  std::set<std::string_view> words;
  for (const TransferPhase phase : all) words.insert(to_string(phase));
  EXPECT_EQ(words.size(), std::size(all));
  EXPECT_FALSE(words.contains("unknown"));
}

#ifndef NDEBUG
TEST(TransferPhaseDeathTest, AnEndedTransferDoesNotDeliver) {
  PhaseVariable<TransferPhase> phase(created);
  phase.enter(awaiting_head);
  phase.enter(ended);
  EXPECT_EXIT(phase.enter(delivering), testing::ExitedWithCode(70),
              "an upstream transfer moves from \"ended\" to \"delivering\"");
}
#endif

}  // namespace
}  // namespace entrepot::upstream
