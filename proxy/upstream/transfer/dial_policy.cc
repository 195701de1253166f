// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/dial_policy.h"

#include <cerrno>
#include <utility>

#include "proxy/upstream/transfer/address.h"

namespace entrepot::upstream {
namespace {

/// An address that accepts no connection for this long is dead; no round trip takes longer.
constexpr std::chrono::milliseconds dead_after{800};
constexpr int most_redials = 3;

}  // namespace

curl_socket_t DialPolicy::open(const curl_sockaddr& address, Time now) {
  if (only_port_ && Sockets::port_of(address) != *only_port_) {
    forbidden_ = "direct";
    errno = EACCES;
    return CURL_SOCKET_BAD;
  }
  if (!private_addresses_) {
    // The check applies to the address that is about to be dialled. A name that changes its
    // addresses between a check and the connection (DNS rebinding) gains nothing.
    const AddressClass address_class = classify(address.addr, address.addrlen);
    if (address_class != AddressClass::global) {
      forbidden_ = to_string(address_class);
      errno = EACCES;
      return CURL_SOCKET_BAD;
    }
  }
  if (!dials_dead_ && sockets_.dead(address, now)) {
    skipped_ = stands_ = true;
    sockets_.note_skip();
    errno = ETIMEDOUT;
    return CURL_SOCKET_BAD;
  }
  count_dial(address, now);
  dialled_ = true;
  return sockets_.open(address);
}

/// libcurl gives the first address of a try all the time it needs. It is dead when libcurl dials
/// another one after that, or when an address of the other family, dialled a moment later
/// (RFC 8305), connects first. libcurl does not wait for the addresses in between.
void DialPolicy::count_dial(const curl_sockaddr& address, Time now) {
  stands_ = false;
  if (++dials_ == 1) {
    first_key_ = Sockets::key_of(address);
    first_ip_ = Sockets::ip_of(address);
    first_at_ = now;
  } else if (dials_ == 2 && now - first_at_ > dead_after) {
    sockets_.note_dead(first_key_, now);
    found_dead_ = true;
  }
}

bool DialPolicy::may_send(std::string_view remote_ip, int remote_port, int local_port, Time now) {
  if (dials_ > 1 && remote_ip != first_ip_) sockets_.note_dead(first_key_, now);
  unclean_ = !sockets_.clean(remote_ip, remote_port, local_port);
  return !unclean_;
}

DialPolicy::Retry DialPolicy::after(const Outcome& outcome) {
  stands_ = false;
  if (std::exchange(unclean_, false)) return Retry::new_connection;
  if (has_other_addresses(outcome)) return Retry::other_addresses;
  if (dialled_) return Retry::none;
  // A name service that does not answer ends as a connection that was not made in time.
  const bool unresolved = outcome.result == CURLE_COULDNT_RESOLVE_HOST ||
                          (outcome.result == CURLE_OPERATION_TIMEDOUT && !outcome.resolved);
  return unresolved ? Retry::last_address : Retry::none;
}

/// libcurl (7.88) gives no time to the addresses between the first and the last.
bool DialPolicy::has_other_addresses(const Outcome& outcome) {
  if (outcome.result != CURLE_COULDNT_CONNECT && outcome.result != CURLE_OPERATION_TIMEDOUT)
    return false;
  if (outcome.connected) return false;
  const bool others = std::exchange(found_dead_, false) && redials_ < most_redials;
  // All addresses are dead, so that none was dialled: one of them may work again.
  const bool all_dead = dials_ == 0 && redials_ == 0 && skipped_ && !dials_dead_;
  dials_dead_ = dials_dead_ || all_dead;
  if (others) ++redials_;
  dials_ = 0;
  return others || all_dead;
}

}  // namespace entrepot::upstream
