// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>

namespace entrepot::loop {
namespace {

bool blocked(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

/// Passes the signals caught by a loop to the thread of the test.
class Caught {
 public:
  void put(int signal) {
    const std::lock_guard lock(mutex_);
    signals_.push_back(signal);
    ready_.notify_one();
  }
  int take() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return !signals_.empty(); });
    const int signal = signals_.front();
    signals_.pop_front();
    return signal;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<int> signals_;
};

TEST(Signals, BecomeCallsOnTheLoop) {
  Loop loop("signals");
  Caught caught;
  {
    const Signals signals(loop, [&](int signal) { caught.put(loop.in_loop() ? signal : -signal); });
    loop.start();
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
      kill(getpid(), signal);
      EXPECT_EQ(caught.take(), signal);
    }
    loop.stop();
    loop.join();
  }
  EXPECT_FALSE(blocked(SIGTERM)) << "not restored";
}

TEST(Signals, DeliversSignalsBlockedBefore) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  block_signals();
  kill(getpid(), SIGTERM);  // would end the process otherwise
  Loop loop("signals");
  Caught caught;
  {
    const Signals signals(loop, [&](int signal) { caught.put(signal); });
    loop.start();
    EXPECT_EQ(caught.take(), SIGTERM);
    loop.stop();
    loop.join();
  }
  EXPECT_TRUE(blocked(SIGTERM)) << "blocked before and after";
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(Signals, IgnoresSigpipe) {
  const Loop loop("signals");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);  // would end the process otherwise
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

}  // namespace
}  // namespace entrepot::loop
