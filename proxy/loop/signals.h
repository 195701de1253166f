// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <functional>
#include <memory>

#include "proxy/loop/loop.h"
#include "proxy/loop/readable.h"

namespace entrepot::loop {

/// Blocks SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 and SIGCHLD until a Signals object exists. Call
/// it on the main thread before any other thread starts, including threads of libraries: a thread
/// that does not block them would receive them and end the process.
void block_signals();

/// Turns these signals into calls on a loop. One object per process at a time. Create
/// and destroy it on the same thread: the thread of the loop or, while the loop does not run, any
/// thread. The destructor restores the signal mask of the thread.
class Signals {
 public:
  using Callback = std::function<void(int signal)>;

  /// `callback` runs on the loop thread. Signals of one kind in quick succession may cause a single
  /// call. The callback must not destroy this object.
  Signals(Loop& loop, Callback callback);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void read();

  Loop& loop_;
  const Callback callback_;
  const sigset_t mask_before_;
  int fd_;
  std::unique_ptr<Readable> readable_;
};

}  // namespace entrepot::loop
