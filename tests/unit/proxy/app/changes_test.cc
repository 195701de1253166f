// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace entrepot::app {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class ChangesTest : public testing::Test {
 protected:
  ChangesTest() {
    now.upstreams.resize(2);
    now.upstreams[0].name = "docker.io";
    now.upstreams[1].name = "quay.io";
    next = now;
  }
  Changes changes() const { return changes_between(now, next); }

  conf::Config now, next;
};

TEST_F(ChangesTest, NoneBetweenEqualConfigurations) {
  EXPECT_THAT(changes().keys, IsEmpty());
  EXPECT_THAT(changes().upstreams, IsEmpty());
}

TEST_F(ChangesTest, NamesOnlyChangedUpstreams) {
  next.upstreams[1].endpoints = {{"https://mirror.example", "", false}};
  EXPECT_THAT(changes().upstreams, ElementsAre("quay.io"));
  EXPECT_FALSE(changes().cache);
}

TEST_F(ChangesTest, UpstreamsComeAndGo) {
  next.upstreams[1].name = "ghcr.io";
  EXPECT_THAT(changes().added, ElementsAre("ghcr.io"));
  EXPECT_THAT(changes().removed, ElementsAre("quay.io"));
  EXPECT_THAT(changes().upstreams, IsEmpty());
  EXPECT_TRUE(changes().cache) << "it has the rules of their tags";
  next = now;
  next.upstreams.pop_back();
  EXPECT_TRUE(changes().cache);
}

TEST_F(ChangesTest, NamesChangeTheUpstreamWhoseCredentialsFollowThem) {
  next.upstreams[0].aliases = {"hub"};
  EXPECT_THAT(changes().upstreams, ElementsAre("docker.io"));
}

TEST_F(ChangesTest, TimeoutsChangeAllUpstreams) {
  next.timeouts.stall = 7s;
  EXPECT_THAT(changes().upstreams, ElementsAre("docker.io", "quay.io"));
}

TEST_F(ChangesTest, AnErasedPasswordCountsAsAChange) {
  now.upstreams[0].credentials = {{"me", "/file", ""}};
  next.upstreams[0].credentials = {{"me", "/file", "secret"}};
  EXPECT_THAT(changes().upstreams, ElementsAre("docker.io"));
}

TEST_F(ChangesTest, SizesPinsAndTagsChangeTheCache) {
  for (const auto& change : std::vector<std::function<void()>>{
           [this] { next.cache.max_size = 7; }, [this] { next.cache.reserve_free = 7; },
           [this] { next.cache.pin = {"a/*"}; }, [this] { next.cache.scrub_rate = 7; },
           [this] { next.cache.max_size = conf::DiskSize::part(80); },
           [this] { next.limits.max_blob = 7; }, [this] { next.limits.transfers_per_blob = 1; },
           [this] { next.upstreams[0].tags.fresh_for = 7s; },
           [this] { next.upstreams[0].restricted = true; }}) {
    next = now;
    change();
    EXPECT_TRUE(changes().cache);
    EXPECT_EQ(changes().keys.size(), 1U);
    EXPECT_THAT(changes().upstreams, IsEmpty());
  }
}

TEST_F(ChangesTest, ListenersThatComeAndGoAreNotNamedHere) {
  next.listen = {{"127.0.0.1:1"}, {"127.0.0.1:2", conf::ListenerTls{{{"a.crt", "a.key"}}}}};
  EXPECT_THAT(changes().keys, IsEmpty());
}

TEST_F(ChangesTest, TheLevelOfTheLog) {
  next.log.level = "debug";
  EXPECT_TRUE(changes().log_level);
}

}  // namespace
}  // namespace entrepot::app
