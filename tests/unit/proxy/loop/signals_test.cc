// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <future>

namespace entrepot::loop {
namespace {

bool blocked(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

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
  EXPECT_FALSE(blocked(SIGTERM)) << "not given back";
}

TEST(Signals, HeldOnesWaitForTheObject) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  hold_signals();
  kill(getpid(), SIGTERM);  // would end the process
  Loop loop("signals");
  std::promise<int> caught;
  {
    const Signals signals(loop, [&](int signal) { caught.set_value(signal); });
    loop.start();
    EXPECT_EQ(caught.get_future().get(), SIGTERM);
    loop.stop();
    loop.join();
  }
  EXPECT_TRUE(blocked(SIGTERM)) << "held before, held after";
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
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
