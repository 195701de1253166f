// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/thread.h"

#include <pthread.h>

#include <csignal>
#include <latch>
#include <system_error>
#include <utility>
#include <vector>

#include "metrics/check.h"

namespace entrepot::loop {

std::thread start_thread(const std::string& name, std::function<void()> body) {
  check(name.size() <= 15, "thread name longer than 15 characters");
  // A thread inherits the signal mask of its creator, so it can never receive a signal.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto restore = [&before] { pthread_sigmask(SIG_SETMASK, &before, nullptr); };
  try {
    std::thread thread([name, run = std::move(body)] {
      pthread_setname_np(pthread_self(), name.c_str());
      run();
    });
    restore();
    return thread;
  } catch (const std::system_error& error) {
    restore();
    throw std::system_error(error.code(), "cannot start the thread " + name);
  }
}

void require_threads(std::size_t count) {
  std::latch all_tried(1);
  std::vector<std::thread> threads;
  const auto end = [&] {
    all_tried.count_down();
    for (std::thread& thread : threads) thread.join();
  };
  try {
    threads.reserve(count);
    while (threads.size() < count)
      threads.push_back(start_thread("trial", [&all_tried] { all_tried.wait(); }));
  } catch (const std::system_error& error) {
    const auto had = threads.size();
    end();
    throw std::system_error(error.code(), "only " + std::to_string(had) + " of the " +
                                              std::to_string(count) +
                                              " threads this process needs are to be had");
  }
  end();
}

}  // namespace entrepot::loop
