// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/denials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace entrepot::access {
namespace {

using testing::HasSubstr;

Denials denials(std::initializer_list<std::string> patterns) {
  std::vector<Denial> list;
  for (const auto& pattern : patterns) list.push_back({.pattern = pattern});
  return Denials(std::move(list));
}

TEST(Denials, MatchTheRepositoriesOfOneUpstream) {
  const auto some = denials({"docker.io/library/evil", "docker.io/*/miner*", "corp:5000/*"});
  EXPECT_TRUE(some.denies("docker.io", "library/evil"));
  EXPECT_TRUE(some.denies("docker.io", "acme/miner-2"));
  EXPECT_TRUE(some.denies("corp:5000", "a/b/c"));
  EXPECT_FALSE(some.denies("docker.io", "library/evil2"));
  EXPECT_FALSE(some.denies("ghcr.io", "library/evil"));
  EXPECT_FALSE(Denials().denies("docker.io", "library/evil"));
  EXPECT_EQ(some.list().size(), 3U);
}

TEST(Denials, ANameTooLongForPatternsIsDenied) {
  const auto some = denials({"docker.io/a*b*c"});
  EXPECT_FALSE(some.denies("docker.io", std::string(1023, 'x')));
  EXPECT_TRUE(some.denies("docker.io", std::string(1024, 'x')));
  EXPECT_FALSE(some.denies("ghcr.io", std::string(1024, 'x')));
}

TEST(Denials, FaultsNameTheCure) {
  const auto fault = [](std::string_view pattern) {
    return Denials::fault(pattern).value_or("none");
  };
  EXPECT_EQ(fault("docker.io/library/*"), "none");
  EXPECT_EQ(fault("quay.io/*"), "none");
  EXPECT_THAT(fault(""), HasSubstr("empty"));
  EXPECT_THAT(fault("*/evil"), HasSubstr("begins with the name of one upstream"));
  EXPECT_THAT(fault("/evil"), HasSubstr("begins with the name of one upstream"));
  EXPECT_THAT(fault("docker.io"), HasSubstr("write docker.io/* for all"));
  EXPECT_THAT(fault("docker.io/"), HasSubstr("write docker.io/* for all"));
  EXPECT_THAT(fault("docker.io/[a"), HasSubstr("["));
  EXPECT_THAT(fault("docker.io/" + std::string(600, 'a')), HasSubstr("512"));
  EXPECT_EQ(fault("gone.example/x"), "none") << "any upstream";
}

}  // namespace
}  // namespace entrepot::access
