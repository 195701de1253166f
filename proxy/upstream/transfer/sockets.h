// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace entrepot::upstream {

/// The sockets of one multi handle. Finds two faults that libcurl (7.88) does not handle: bytes
/// that arrive on a kept connection before a request was sent, which libcurl would take for the
/// response to the next request, perhaps of another repository; and addresses that accept no
/// connection, which libcurl would dial again for each transfer. Loop thread only; outlives the
/// multi handle.
class Sockets {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// How long a dead address is not dialled.
  static constexpr std::chrono::minutes left_out{1};

  /// A new socket for `address`, close-on-exec.
  curl_socket_t open(const curl_sockaddr& address);
  int close(curl_socket_t fd);

  /// Counts a request on the connection with these ends. False when it was used before and holds
  /// unread bytes: it must not be used again.
  bool clean(std::string_view remote_ip, int remote_port, int local_port);

  /// Key of an address in the table of dead ones. The structure of an IPv6 address is longer than
  /// its type says.
  static std::string key_of(const curl_sockaddr& address);
  static std::string ip_of(const curl_sockaddr& address);
  /// 0 for another family than IPv4 and IPv6.
  static std::uint16_t port_of(const curl_sockaddr& address);
  /// The address accepted no connection.
  void note_dead(const std::string& key, Time now);
  bool dead(const curl_sockaddr& address, Time now) const;
  /// A transfer has skipped a dead address.
  void note_skip() { skipped_ = true; }
  /// True if one has since the last call.
  bool take_skip() { return std::exchange(skipped_, false); }

  std::size_t size() const { return requests_.size(); }

 private:
  std::unordered_map<curl_socket_t, std::uint64_t> requests_;  ///< sent so far, by socket
  std::map<std::string, Time> dead_until_;
  bool skipped_ = false;
};

}  // namespace entrepot::upstream
