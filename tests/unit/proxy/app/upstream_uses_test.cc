// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/upstream_uses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

namespace entrepot::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

bool same(const UpstreamUses::Use& one, const UpstreamUses::Use& other) {
  return !one.owner_before(other) && !other.owner_before(one);
}

class UpstreamUsesTest : public testing::Test {
 protected:
  UpstreamUsesTest() { loop.start(); }
  ~UpstreamUsesTest() override {
    loop.stop();
    loop.join();
  }
  /// Runs `job` on the loop, and then all that has been posted by its end.
  template <typename Job>
  void on_loop(const Job& job) {
    for (const bool first : {true, false}) {
      std::promise<void> done;
      loop.post([&] {
        if (first) job();
        done.set_value();
      });
      done.get_future().wait();
    }
  }

  loop::Loop loop{"test"};
  std::vector<std::string> unused;  // read between jobs
  UpstreamUses uses{loop, [this](const std::string& name) { unused.push_back(name); }};
};

TEST_F(UpstreamUsesTest, TellsWhenTheLastUseHasEnded) {
  UpstreamUses::Use configured, request, other;
  on_loop([&] {
    configured = uses.of("quay.io");
    request = uses.of("quay.io");
    other = uses.of("ghcr.io");
    EXPECT_TRUE(same(configured, request));
    EXPECT_FALSE(same(configured, other));
    configured.reset();
  });
  EXPECT_THAT(unused, IsEmpty());
  request.reset();  // on another thread
  on_loop([] {});
  EXPECT_THAT(unused, ElementsAre("quay.io"));
}

TEST_F(UpstreamUsesTest, AnUpstreamThatComesBackIsInUse) {
  UpstreamUses::Use use;
  on_loop([&] { use = uses.of("quay.io"); });
  on_loop([&] {
    use.reset();
    use = uses.of("quay.io");
  });
  EXPECT_THAT(unused, IsEmpty());
  use.reset();
  on_loop([] {});
  EXPECT_THAT(unused, ElementsAre("quay.io"));
}

TEST_F(UpstreamUsesTest, AUseMayEndAfterTheLoop) {
  UpstreamUses::Use use;
  on_loop([&] { use = uses.of("quay.io"); });
  loop.stop();
  loop.join();
  use.reset();
  EXPECT_THAT(unused, IsEmpty());
}

}  // namespace
}  // namespace entrepot::app
