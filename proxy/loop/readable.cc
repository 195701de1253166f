// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/readable.h"

#include <event2/event.h>

#include <utility>

#include "metrics/check.h"

namespace entrepot::loop {

Readable::Readable(Loop& loop, int fd, std::function<void()> ready)
    : ready_(std::move(ready)),
      event_(event_new(loop.base(), fd, EV_READ | EV_PERSIST, on_ready, this)) {
  loop.assert_in_loop();
  check(event_ != nullptr && event_add(event_, nullptr) == 0, "event_add");
}

Readable::~Readable() { event_free(event_); }

void Readable::on_ready(int, short, void* self) {
  // A copy, because it may destroy this object.
  const auto ready = static_cast<Readable*>(self)->ready_;
  ready();
}

}  // namespace entrepot::loop
