// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <functional>

struct event_base;
struct event;

namespace entrepot::upstream {

/// Watches one socket of libcurl for readiness, in libcurl's terms. Loop thread only; the callback
/// may destroy it.
class SocketWatch {
 public:
  /// Receives the socket and a mask of CURL_CSELECT_IN and CURL_CSELECT_OUT.
  using Ready = std::function<void(curl_socket_t, int)>;

  /// `base` and `ready` outlive this.
  SocketWatch(event_base* base, curl_socket_t fd, const Ready& ready)
      : base_(base), fd_(fd), ready_(ready) {}
  ~SocketWatch();
  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;

  /// Watches for CURL_POLL_IN, CURL_POLL_OUT or CURL_POLL_INOUT, in place of the last value.
  void listen(int what);

 private:
  static void fire(int fd, short what, void* self);

  event_base* const base_;
  const curl_socket_t fd_;
  const Ready& ready_;
  event* event_ = nullptr;  // owned
};

}  // namespace entrepot::upstream
