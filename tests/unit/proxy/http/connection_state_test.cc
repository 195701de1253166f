// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/connection_state.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace entrepot::http {
namespace {

using enum ConnectionState;

constexpr ConnectionState all_states[] = {arrived, head, body, reply, linger, closed};

TEST(ConnectionStates, HaveTheTransitionsOfTheirTable) {
  const std::map<ConnectionState, std::set<ConnectionState>> table{
      {arrived, {head, linger, closed}},
      {head, {body, reply, linger, closed}},
      {body, {reply, linger, closed}},
      {reply, {head, closed}},
      {linger, {closed}},
      {closed, {}},
  };
  for (const auto from : all_states)
    for (const auto to : all_states)
      EXPECT_EQ(may_follow(from, to), table.at(from).contains(to))
          << to_string(from) << " to " << to_string(to);
}

}  // namespace
}  // namespace entrepot::http
