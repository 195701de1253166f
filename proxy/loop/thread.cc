// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/thread.h"

#include <pthread.h>

#include <csignal>
#include <utility>

#include "metrics/check.h"

namespace entrepot::loop {

std::thread start_thread(const std::string& name, std::function<void()> body) {
  check(name.size() <= 15, "thread name longer than 15 characters");
  // A thread inherits the mask it was born with: no window in which it could take a signal.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([name, run = std::move(body)] {
    pthread_setname_np(pthread_self(), name.c_str());
    run();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace entrepot::loop
