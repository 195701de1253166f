// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/socket_watch.h"

#include <event2/event.h>

#include "metrics/check.h"

namespace entrepot::upstream {

SocketWatch::~SocketWatch() {
  if (event_ != nullptr) event_free(event_);
}

void SocketWatch::listen(int what) {
  if (event_ != nullptr) event_free(event_);
  short events = EV_PERSIST;
  if ((what & CURL_POLL_IN) != 0) events = static_cast<short>(events | EV_READ);
  if ((what & CURL_POLL_OUT) != 0) events = static_cast<short>(events | EV_WRITE);
  event_ = event_new(base_, fd_, events, &SocketWatch::fire, this);
  check(event_ != nullptr && event_add(event_, nullptr) == 0, "a socket cannot be watched");
}

void SocketWatch::fire(int fd, short what, void* self) {
  // The callback may destroy this; `ready` outlives it.
  const Ready& ready = static_cast<SocketWatch*>(self)->ready_;
  int mask = 0;
  if ((what & EV_READ) != 0) mask |= CURL_CSELECT_IN;
  if ((what & EV_WRITE) != 0) mask |= CURL_CSELECT_OUT;
  ready(fd, mask);
}

}  // namespace entrepot::upstream
