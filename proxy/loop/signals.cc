// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/signals.h"

#include <event2/event.h>

#include <csignal>
#include <utility>

#include "metrics/check.h"

namespace entrepot::loop {

Signals::Signals(Loop& loop, Callback callback) : loop_(loop), callback_(std::move(callback)) {
  loop_.assert_in_loop();
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    event* watch = evsignal_new(loop_.base(), signal, caught, this);
    check(watch != nullptr && event_add(watch, nullptr) == 0, "evsignal_add");
    events_.push_back(watch);
  }
}

Signals::~Signals() {
  loop_.assert_in_loop();
  for (event* watch : events_) event_free(watch);
}

void Signals::caught(int signal, short, void* self) {
  static_cast<Signals*>(self)->callback_(signal);
}

}  // namespace entrepot::loop
