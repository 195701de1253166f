// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <future>

namespace entrepot::loop {
namespace {

TEST(Signals, BecomeCallsOnTheLoop) {
  Loop loop("signals");
  std::promise<int> caught;
  bool in_loop = false;
  {
    Signals signals(loop, [&](int signal) {
      in_loop = loop.in_loop();
      caught.set_value(signal);
    });
    loop.start();
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
      caught = {};
      auto got = caught.get_future();
      kill(getpid(), signal);
      EXPECT_EQ(got.get(), signal);
      EXPECT_TRUE(in_loop);
    }
    loop.stop();
    loop.join();
  }
  struct sigaction action {};
  sigaction(SIGTERM, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL) << "not given back";
}

TEST(Signals, ABrokenPipeIsNoSignal) {
  const Loop loop("signals");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);  // would end the process
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

}  // namespace
}  // namespace entrepot::loop
