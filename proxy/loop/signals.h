// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <functional>

#include "proxy/loop/loop.h"

struct event;

namespace entrepot::loop {

/// Keeps SIGTERM, SIGINT and SIGHUP for a Signals to come. Call it on the main thread before any
/// other thread is started, libraries' threads included: one that does not block them would take
/// them and end the process.
void hold_signals();

/// Turns SIGTERM, SIGINT and SIGHUP into calls on a loop. One object per process at a time. Made
/// and destroyed on the same thread, which is the loop's own or, while that does not run, any; the
/// thread's mask is afterwards what it was.
class Signals {
 public:
  using Callback = std::function<void(int signal)>;

  /// `callback` runs on the loop's thread; signals of one kind that come close together may be one
  /// call. It must not destroy this object.
  Signals(Loop& loop, Callback callback);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  static void caught(int fd, short, void* self);

  Loop& loop_;
  const Callback callback_;
  const sigset_t mask_before_;
  int fd_;
  event* readable_;
};

}  // namespace entrepot::loop
