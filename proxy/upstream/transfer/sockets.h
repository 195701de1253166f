// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

namespace entrepot::upstream {

/// The sockets of one multi handle, watched for two things. Bytes that arrive on a kept connection
/// while nothing was asked: libcurl (7.88) would take them for the answer to the next request,
/// which may be for another repository. And addresses that take no connection: libcurl would try
/// them again for each (U19 of the fault list). Loop thread only; outlives the multi handle.
class Sockets {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// How long a dead address is left out.
  static constexpr std::chrono::minutes left_out{1};

  /// A new socket for `address`, close-on-exec.
  curl_socket_t open(const curl_sockaddr& address);
  int close(curl_socket_t fd);

  /// A request is about to go out on the connection with these ends. False when it has been used
  /// before and holds unread bytes: it must not be used again.
  bool clean(std::string_view remote_ip, int remote_port, int local_port);

  /// What an address is known by; its structure is longer than its type says (IPv6).
  static std::string key_of(const curl_sockaddr& address);
  static std::string ip_of(const curl_sockaddr& address);
  /// It has taken no connection.
  void note_dead(const std::string& key);
  bool dead(const curl_sockaddr& address) const;

  std::size_t size() const { return requests_.size(); }

 private:
  std::unordered_map<curl_socket_t, std::uint64_t> requests_;  ///< sent so far, by socket
  std::map<std::string, Time> dead_until_;
};

}  // namespace entrepot::upstream
