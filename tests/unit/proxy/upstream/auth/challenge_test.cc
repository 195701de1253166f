// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/auth/challenge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

namespace entrepot::upstream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using Strings = std::vector<std::string>;

std::vector<Challenge> challenges(const Strings& values) { return parse_challenges(values); }

// --- WWW-Authenticate ---------------------------------------------------------------------------

TEST(Challenge, ReadsTheOneDockerHubSends) {
  const auto parsed = challenges({R"(Bearer realm="https://auth.docker.io/token",)"
                                  R"(service="registry.docker.io",)"
                                  R"(scope="repository:library/alpine:pull")"});
  ASSERT_THAT(parsed, SizeIs(1));
  EXPECT_EQ(parsed[0].scheme, "bearer");
  EXPECT_EQ(parsed[0].parameter("realm"), "https://auth.docker.io/token");
  EXPECT_EQ(parsed[0].parameter("service"), "registry.docker.io");
  EXPECT_EQ(parsed[0].parameter("scope"), "repository:library/alpine:pull");
  EXPECT_EQ(parsed[0].parameter("error"), "");
}

TEST(Challenge, SplitsSeveralInOneHeaderAndInSeveral) {
  const auto parsed =
      challenges({R"(Basic realm="a, b", Bearer realm="r",service=s)", "Negotiate"});
  ASSERT_THAT(parsed, SizeIs(3));
  EXPECT_EQ(parsed[0].scheme, "basic");
  EXPECT_EQ(parsed[0].parameter("realm"), "a, b");
  EXPECT_EQ(parsed[1].scheme, "bearer");
  EXPECT_EQ(parsed[1].parameter("service"), "s");
  EXPECT_EQ(parsed[2].scheme, "negotiate");
}

TEST(Challenge, IgnoresCaseAndUnescapesQuotes) {
  const auto parsed = challenges({R"(BEARER Realm = "a\"b\\c" , SCOPE="x")"});
  ASSERT_THAT(parsed, SizeIs(1));
  EXPECT_THAT(parsed[0].parameters, ElementsAre(Pair("realm", "a\"b\\c"), Pair("scope", "x")));
}

TEST(Challenge, EndsAtWhatDoesNotParse) {
  EXPECT_THAT(challenges({R"(Bearer realm="never closed)"})[0].parameters, IsEmpty());
  EXPECT_THAT(challenges({R"(realm="no scheme")"}), IsEmpty());
  EXPECT_THAT(challenges({"", ",,, ,", "=x", "\"", "\\"}), IsEmpty());
  EXPECT_THAT(challenges({R"(Bearer realm="a" @@@ Basic)"}), SizeIs(1));
}

TEST(Challenge, IsBounded) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "Scheme" + std::to_string(i) + " a=b, ";
  EXPECT_THAT(challenges({many}), SizeIs(16));
  std::string parameters = "Bearer ";
  for (int i = 0; i < 1000; ++i) parameters += "p" + std::to_string(i) + "=v,";
  EXPECT_THAT(challenges({parameters})[0].parameters, SizeIs(16));
}

}  // namespace
}  // namespace entrepot::upstream
