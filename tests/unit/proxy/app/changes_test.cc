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

TEST_F(ChangesTest, NoneBetweenEqualConfigurations) { EXPECT_TRUE(changes().none()); }

TEST_F(ChangesTest, NamesOnlyChangedUpstreams) {
  next.upstreams[1].endpoints = {{"https://mirror.example", "", false}};
  EXPECT_THAT(changes().upstreams, ElementsAre("quay.io"));
  EXPECT_FALSE(changes().cache);
  EXPECT_THAT(changes().later, IsEmpty());
}

TEST_F(ChangesTest, TimeoutsChangeAllUpstreams) {
  next.timeouts.stall = 7s;
  EXPECT_THAT(changes().upstreams, ElementsAre("docker.io", "quay.io"));
  EXPECT_THAT(changes().later, IsEmpty());
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
           [this] { next.upstreams[0].tags.fresh_for = 7s; }}) {
    next = now;
    change();
    EXPECT_TRUE(changes().cache);
    EXPECT_THAT(changes().later, IsEmpty());
    EXPECT_THAT(changes().upstreams, IsEmpty());
  }
}

TEST_F(ChangesTest, NamesTheKeysThatNeedARestart) {
  next.cache.directory = "/elsewhere";
  next.threads.serve = 7;
  next.timeouts.idle = 7s;
  next.log.json = true;
  next.upstreams[0].aliases = {"hub"};
  next.upstreams[1].name = "ghcr.io";
  EXPECT_THAT(changes().later,
              ElementsAre("cache.directory", "threads", "timeouts (header, idle, send, drain)",
                          "log (format, access, access_file, access_sample)",
                          "upstreams.docker.io (aliases, access)", "upstreams.ghcr.io",
                          "upstreams.quay.io"));
  EXPECT_FALSE(changes().cache);
}

TEST_F(ChangesTest, ListenersNeedNoRestart) {
  next.listen = {{"127.0.0.1:1"}, {"127.0.0.1:2", conf::ListenerTls{{{"a.crt", "a.key"}}}}};
  EXPECT_TRUE(changes().none());
}

TEST_F(ChangesTest, TheAdminListenerNeedsOneForItsServerOnly) {
  now.admin = next.admin = conf::Admin{.listener = {.address = "127.0.0.1:1"}};
  next.admin->change = {{"anyone"}};
  EXPECT_TRUE(changes().none());
  next.admin->listener.address = "127.0.0.1:2";
  EXPECT_THAT(changes().later, ElementsAre(testing::StartsWith("admin (address")));
}

TEST_F(ChangesTest, TheLevelOfTheLog) {
  next.log.level = "debug";
  EXPECT_TRUE(changes().log_level);
  EXPECT_THAT(changes().later, IsEmpty());
}

}  // namespace
}  // namespace entrepot::app
