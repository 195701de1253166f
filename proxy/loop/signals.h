// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "proxy/loop/loop.h"

namespace entrepot::loop {

/// Turns SIGTERM, SIGINT and SIGHUP into calls on a loop. One object per process at a time
/// (libevent routes signals to one base); when it goes, the signals get back what they did before.
/// Made and destroyed on the loop, or while its thread does not run.
class Signals {
 public:
  using Callback = std::function<void(int signal)>;

  /// `callback` runs on the loop's thread; signals of one kind that come close together may be one
  /// call.
  Signals(Loop& loop, Callback callback);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  static void caught(int signal, short, void* self);

  Loop& loop_;
  const Callback callback_;
  std::vector<event*> events_;
};

}  // namespace entrepot::loop
