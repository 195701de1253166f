// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <string_view>
#include <unordered_map>

namespace entrepot::upstream {

/// The sockets of one multi handle, watched for one thing: bytes that arrive on a kept connection
/// while nothing was asked. libcurl (7.88) would take them for the answer to the next request,
/// which may be for another repository. Loop thread only; outlives the multi handle.
class Sockets {
 public:
  /// A new socket for `address`, close-on-exec.
  curl_socket_t open(const curl_sockaddr& address);
  int close(curl_socket_t fd);

  /// A request is about to go out on the connection with these ends. False when it has been used
  /// before and holds unread bytes: it must not be used again.
  bool clean(std::string_view remote_ip, int remote_port, int local_port);

  std::size_t size() const { return requests_.size(); }

 private:
  std::unordered_map<curl_socket_t, std::uint64_t> requests_;  ///< sent so far, by socket
};

}  // namespace entrepot::upstream
