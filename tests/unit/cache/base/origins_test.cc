// SPDX-License-Identifier: Apache-2.0
#include "cache/base/origins.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace entrepot::cache {
namespace {

TEST(Origins, AnObjectOfAnUnrestrictedUpstreamIsOpenToAll) {
  const Origins origins({"private", "secret"}, {"docker.io"});
  const auto secret = origins.of("private"), open = origins.of("docker.io");
  EXPECT_TRUE(origins.open_to(open, "private"));
  EXPECT_TRUE(origins.open_to(secret, "private"));
  EXPECT_FALSE(origins.open_to(secret, "secret"));
  EXPECT_FALSE(origins.open_to(secret, "docker.io"));
  EXPECT_FALSE(origins.open_to(Origins::nobody, "docker.io"));
  const auto two = origins.both(secret, origins.of("secret"));
  EXPECT_TRUE(origins.open_to(two, "private") && origins.open_to(two, "secret"));
  EXPECT_FALSE(origins.open_to(two, "docker.io"));
  EXPECT_TRUE(origins.open_to(origins.both(two, open), "other"));
  EXPECT_EQ(origins.both(secret, secret), secret);
}

TEST(Origins, RecordsNameOrigins) {
  const Origins origins({"private", "secret"}, {"docker.io"});
  const auto names = Origins::add(Origins::add("", "private"), "secret");
  EXPECT_EQ(Origins::add(names, "private"), names);
  EXPECT_EQ(origins.parse(names), origins.both(origins.of("private"), origins.of("secret")));
  EXPECT_TRUE(origins.open_to(origins.parse(Origins::add(names, "docker.io")), "other"));
  EXPECT_FALSE(origins.open_to(origins.parse("gone.example"), "docker.io"));
  EXPECT_EQ(origins.parse(""), Origins::nobody);
  EXPECT_TRUE(origins.unnoted(origins.parse(Origins::unnoted_name)));
  EXPECT_FALSE(origins.open_to(origins.parse(Origins::unnoted_name), "private"));
  std::string many;
  for (int i = 0; i < 1000; ++i) many = Origins::add(many, "u" + std::to_string(i));
  EXPECT_LT(many.size(), 100U);
}

TEST(Origins, AllIsOpenIfNoUpstreamIsRestricted) {
  const Origins origins({}, {"docker.io"});
  EXPECT_FALSE(origins.ever_restricted());
  for (const auto* names : {"", "?", "docker.io", "gone.example"})
    EXPECT_TRUE(origins.open_to(origins.parse(names), "docker.io"));
}

TEST(Origins, FollowTheConfiguration) {
  Origins origins({}, {"docker.io", "team"});
  const auto team = origins.of("team"), gone = origins.parse("gone"), hub = origins.of("docker.io");
  const auto both = origins.both(team, hub);
  const auto may = [&](Origins::Set set) { return origins.open_to(set, "other"); };
  origins.configure({"team"}, {"docker.io"});
  EXPECT_TRUE(origins.ever_restricted());
  EXPECT_FALSE(may(team) || may(gone) || may(Origins::nobody));
  EXPECT_TRUE(may(hub) && may(both) && origins.open_to(team, "team"));
  EXPECT_FALSE(may(origins.both(team, gone))) << "a set that is new to the table";
  origins.configure({"team"}, {"gone"});
  EXPECT_TRUE(may(gone)) << "it is configured again";
  EXPECT_FALSE(may(hub) || may(both)) << "it is configured no more";
  origins.configure({"gone"}, {"team"});
  EXPECT_TRUE(may(team) && may(both));
  EXPECT_FALSE(may(gone));
  origins.configure({}, {"docker.io"});
  EXPECT_TRUE(may(team) && may(gone) && may(Origins::nobody));
  EXPECT_TRUE(origins.ever_restricted());
}

TEST(Origins, FullTableOpensNothing) {
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back("u" + std::to_string(i));
  const Origins origins(names, {});
  for (const auto& name : names) origins.of(name);
  EXPECT_TRUE(origins.open_to(origins.of("u0"), "u0"));
  EXPECT_EQ(origins.of("u299"), Origins::nobody);
  EXPECT_EQ(origins.both(origins.of("u0"), origins.of("u1")), origins.of("u0"));
}

TEST(Origins, FullTableKeepsAPartOfTheNames) {
  Origins origins({"r"}, {"open"});
  const auto pair = [](int i) { return "r\nu" + std::to_string(i); };
  origins.of("r");
  origins.of("open");
  for (int i = 0; i < 300; ++i) origins.parse(pair(i));
  EXPECT_EQ(origins.parse(pair(299)), origins.of("r")) << "one name has a number of its own";
  EXPECT_EQ(origins.parse("open\nr\nu1"), origins.of("open")) << "the one that opens it";
  EXPECT_TRUE(origins.open_to(origins.of("later"), "later")) << "one upstream still has room";
}

}  // namespace
}  // namespace entrepot::cache
