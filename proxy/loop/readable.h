// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "proxy/loop/loop.h"

struct event;

namespace entrepot::loop {

/// Calls a function on a loop as long as a descriptor can be read. Loop thread only, or any thread
/// while the loop does not run.
class Readable {
 public:
  /// `ready` reads until nothing is left, and may destroy this object. `fd`, which outlives this,
  /// does not block.
  Readable(Loop& loop, int fd, std::function<void()> ready);
  ~Readable();
  Readable(const Readable&) = delete;
  Readable& operator=(const Readable&) = delete;

 private:
  static void on_ready(int, short, void* self);

  const std::function<void()> ready_;
  event* event_;
};

}  // namespace entrepot::loop
