// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/usage/usage_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "proxy/app/usage/usage_command.h"

namespace entrepot::app {
namespace {

using namespace std::chrono_literals;
using registry::UsageBy;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::ordered_json;

registry::Usage::Report sample() {
  const registry::UsageTable::Time now{100h};
  return {{{{"10.0.0.7", {5, 2, 2048, 1024}, now - 3s},
            {"user \x1b[2Jci", {1, 1, 1 << 20, 1 << 20}, now - 5min},
            {"uid 1000", {9, 0, 2048, 0}, now}},
           {4, 0, 10, 10}},
          now,
          7200s};
}

TEST(UsageApi, ParsesItsParameters) {
  const auto parsed = [](std::string_view query) {
    return std::get<UsageQuery>(parse_usage_query(query));
  };
  EXPECT_EQ(parsed("by=client").by, UsageBy::client);
  EXPECT_EQ(parsed("by=client").hours, 24);
  EXPECT_EQ(parsed("by=client").limit, 100U);
  EXPECT_EQ(parsed("by=repository&hours=1&limit=1000").by, UsageBy::repository);
  EXPECT_EQ(parsed("by=repository&hours=1&limit=1000").hours, 1);
  EXPECT_EQ(parsed("by=repository&hours=1&limit=1000").limit, 1000U);
}

TEST(UsageApi, RefusesOtherParameters) {
  for (const auto* query :
       {"", "by=", "by=user", "by=client&hours=0", "by=client&hours=25", "by=client&hours=x",
        "by=client&limit=0", "by=client&limit=1001", "by=client&limit=-1",
        "by=client&by=repository", "by=client&limit=9&limit=8"}) {
    const auto parsed = parse_usage_query(query);
    const auto* refused = std::get_if<admin::ApiAnswer>(&parsed);
    ASSERT_NE(refused, nullptr) << query;
    EXPECT_EQ(refused->status, 400);
    EXPECT_THAT(refused->body, HasSubstr("expected"));
  }
}

TEST(UsageApi, TheNamesWithTheMostBytesAreFirst) {
  const auto json = Json::parse(usage_answer(sample(), {UsageBy::client, 24, 2}).body);
  EXPECT_EQ(json["by"], "client");
  EXPECT_EQ(json["seconds"], 7200);
  ASSERT_EQ(json["usage"].size(), 2U);
  EXPECT_EQ(json["usage"][0]["name"], "user \x1b[2Jci");
  EXPECT_EQ(json["usage"][0]["last_seconds_ago"], 300);
  EXPECT_EQ(json["usage"][1]["name"], "uid 1000") << "as many bytes, more requests";
  EXPECT_EQ(json["usage"][1]["other_bytes"], 2048);
  EXPECT_EQ(json["others"],
            Json::parse(R"({"requests":9,"manifests":2,"bytes":2058,"stored_bytes":1034,)"
                        R"("other_bytes":1024})"));
}

TEST(UsageApi, TheAnswerIsAscii) {
  EXPECT_THAT(usage_answer(sample(), {}).body, Not(HasSubstr("\x1b")));
}

TEST(UsageTable, IsSafeForATerminal) {
  std::ostringstream out;
  print_usage(out, Json::parse(usage_answer(sample(), {}).body));
  EXPECT_THAT(out.str(), AllOf(HasSubstr("CLIENT"), HasSubstr("user \\x1b[2Jci"),
                               HasSubstr("1.0 MiB"), HasSubstr("(all others)")));
}

TEST(UsageTable, OddAnswersAreNoFault) {
  for (const auto* answer :
       {"{}", R"({"usage":3,"others":4,"by":5,"seconds":"x"})",
        R"({"usage":[null,7,{"name":1,"bytes":"x"}],"others":{"requests":-1}})"}) {
    std::ostringstream out;
    print_usage(out, Json::parse(answer));
    EXPECT_NE(out.str(), "") << answer;
  }
}

}  // namespace
}  // namespace entrepot::app
