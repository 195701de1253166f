// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/request_phase.h"

#include <gtest/gtest.h>

#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "metrics/phase_variable.h"

namespace entrepot::upstream {
namespace {

using P = RequestPhase;

constexpr P request_phases[] = {P::created,         P::logging_in, P::awaiting_head,
                                P::reading_refusal, P::delivering, P::ended};

TEST(RequestPhaseTest, AllowsTheArrowsOfTheDiagramOnly) {
  const std::set<std::pair<P, P>> arrows = {
      {P::created, P::logging_in},
      {P::logging_in, P::logging_in},
      {P::reading_refusal, P::logging_in},
      {P::logging_in, P::awaiting_head},
      {P::reading_refusal, P::awaiting_head},
      {P::awaiting_head, P::reading_refusal},
      {P::awaiting_head, P::delivering},
      {P::created, P::ended},
      {P::logging_in, P::ended},
      {P::awaiting_head, P::ended},
      {P::reading_refusal, P::ended},
      {P::delivering, P::ended},
  };
  for (const P from : request_phases) {
    for (const P to : request_phases) {
      EXPECT_EQ(may_follow(from, to), arrows.contains({from, to}))
          << to_string(from) << " to " << to_string(to);
    }
  }
}

TEST(RequestPhaseTest, HasAWordForEachPhase) {
  std::set<std::string_view> words;
  for (const P phase : request_phases) words.insert(to_string(phase));
  EXPECT_EQ(words.size(), std::size(request_phases));
  EXPECT_FALSE(words.contains("unknown"));
}

#ifndef NDEBUG
TEST(RequestPhaseDeathTest, AnEndedRequestIsNotSentAgain) {
  PhaseVariable<P> phase(P::created);
  phase.enter(P::ended);
  EXPECT_EXIT(phase.enter(P::awaiting_head), testing::ExitedWithCode(70),
              "a request to an endpoint moves from \"ended\" to \"awaiting head\"");
}
#endif

}  // namespace
}  // namespace entrepot::upstream
