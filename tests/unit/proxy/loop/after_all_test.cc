// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/after_all.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

namespace entrepot::loop {
namespace {

/// A loop that runs.
struct Running {
  Running() { loop.start(); }
  ~Running() {
    loop.stop();
    loop.join();
  }
  Loop loop{"test-loop"};
};

/// Returns when `loop` has done what is posted to it now.
void wait_for(Loop& loop) {
  std::promise<void> done;
  loop.post([&] { done.set_value(); });
  done.get_future().wait();
}

TEST(AfterAll, WaitsForTheLastLoop) {
  Running one, two, three;
  Loop &control = one.loop, &quick = two.loop, &busy = three.loop;
  std::promise<void> gate, acted;
  std::atomic<bool> switched{false}, early{false};
  busy.post([&] { gate.get_future().wait(); });
  busy.post([&] { switched = true; });
  after_all({&quick, &busy}, control, [&] {
    early = !switched;
    acted.set_value();
  });
  wait_for(quick);
  wait_for(control);
  EXPECT_FALSE(switched) << "the busy loop is held";
  gate.set_value();
  acted.get_future().wait();
  EXPECT_FALSE(early);
}

TEST(AfterAll, ActsWithoutLoops) {
  Running one;
  std::promise<void> acted;
  after_all({}, one.loop, [&] { acted.set_value(); });
  acted.get_future().wait();
}

}  // namespace
}  // namespace entrepot::loop
