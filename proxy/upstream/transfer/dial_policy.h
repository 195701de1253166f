// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/upstream/transfer/sockets.h"

namespace entrepot::upstream {

/// Decides which addresses one transfer may dial, and whether libcurl should get a transfer again
/// that failed before it sent its request. It forbids addresses that are not global, unless the
/// request allows them, and skips addresses that accepted no connection lately. One thread; time
/// comes from outside.
class DialPolicy {
 public:
  using Time = Sockets::Time;

  /// The step after a failed try.
  enum class Retry : std::uint8_t {
    none,             ///< the failure stands
    new_connection,   ///< the kept connection held unread bytes: use a new one
    other_addresses,  ///< some addresses of the host had no chance: dial again
    last_address,     ///< the name cannot be resolved: use the last known address, if any
  };
  /// How libcurl ended a try.
  struct Outcome {
    CURLcode result = CURLE_OK;
    bool resolved = false;   ///< the name lookup has ended
    bool connected = false;  ///< a TCP connection was made
  };

  /// `sockets` outlives this. `only_port`: the port of the outgoing proxy, if the transfer has one.
  /// Its addresses may be private, and no other port is dialled: libcurl must not reach the host
  /// around the proxy.
  DialPolicy(bool private_addresses, std::optional<std::uint16_t> only_port, Sockets& sockets)
      : private_addresses_(private_addresses || only_port),
        only_port_(only_port),
        sockets_(sockets) {}

  /// Opens a socket for `address`. CURL_SOCKET_BAD, with errno set, means that this address is not
  /// dialled.
  curl_socket_t open(const curl_sockaddr& address, Time now);
  /// Tells whether a request may go out on the connection with these ends. False when the
  /// connection was kept and holds unread bytes; after() then returns Retry::new_connection.
  bool may_send(std::string_view remote_ip, int remote_port, int local_port, Time now);
  /// True while the last address of this try was skipped, and libcurl has not come to the next one.
  bool has_skipped() const { return stands_; }
  /// Chooses what to do after a failed try. Counts: a transfer gets a bounded number of retries.
  Retry after(const Outcome& outcome);

  /// The class of the addresses that were forbidden; empty when some address was dialled or none
  /// was forbidden.
  std::string_view only_forbidden() const { return dialled_ ? std::string_view{} : forbidden_; }

 private:
  void count_dial(const curl_sockaddr& address, Time now);
  bool has_other_addresses(const Outcome& outcome);

  const bool private_addresses_;
  const std::optional<std::uint16_t> only_port_;
  Sockets& sockets_;
  std::string_view forbidden_;  ///< static storage
  bool dialled_ = false;        ///< some address was dialled
  bool unclean_ = false;        ///< may_send() returned false for this try
  int dials_ = 0;               ///< in this try
  int redials_ = 0;             ///< tries after the first
  std::string first_key_;       ///< of the first address dialled in this try
  std::string first_ip_;        ///< its text
  Time first_at_{};             ///< when it was dialled
  bool found_dead_ = false;     ///< the first address of this try is dead
  bool skipped_ = false;        ///< a dead address was not dialled
  bool stands_ = false;         ///< it was the last one of this try
  bool dials_dead_ = false;     ///< dead addresses are dialled as well
};

}  // namespace entrepot::upstream
