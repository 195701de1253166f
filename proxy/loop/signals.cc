// SPDX-License-Identifier: Apache-2.0
//
// Uses a signalfd instead of handlers. A handler may be delayed for as long as its thread sleeps
// inside a library that a sanitizer does not instrument, and it may run at any moment.
#include "proxy/loop/signals.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "metrics/check.h"

namespace entrepot::loop {
namespace {

sigset_t taken() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD})
    sigaddset(&signals, signal);
  return signals;
}

sigset_t block() {
  const sigset_t signals = taken();
  sigset_t before;
  check(pthread_sigmask(SIG_BLOCK, &signals, &before) == 0, "pthread_sigmask");
  return before;
}

}  // namespace

void block_signals() { block(); }

Signals::Signals(Loop& loop, Callback callback)
    : loop_(loop), callback_(std::move(callback)), mask_before_(block()) {
  loop_.assert_in_loop();
  const sigset_t signals = taken();
  fd_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  check(fd_ >= 0, "signalfd");
  readable_ = std::make_unique<Readable>(loop_, fd_, [this] { read(); });
}

Signals::~Signals() {
  loop_.assert_in_loop();
  readable_.reset();
  close(fd_);
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void Signals::read() {
  signalfd_siginfo info;
  while (::read(fd_, &info, sizeof info) == sizeof info)
    callback_(static_cast<int>(info.ssi_signo));
}

}  // namespace entrepot::loop
