// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/ip_address.h"

namespace entrepot::http {

/// The identity of a client for the bounds per client: an IPv4 address or an IPv6 network of 64
/// bits, because one host has all addresses of such a network (RFC 4291 §2.5.1); on a unix socket a
/// user of this machine, and elsewhere a client with a name. A value of eight bytes, without the
/// port. Values of the four kinds differ.
class ClientAddress {
 public:
  ClientAddress() = default;
  /// An IPv4-mapped address counts as IPv4.
  static ClientAddress of(const IpAddress& address);
  static ClientAddress of(const sockaddr_storage& address) { return of(IpAddress::of(address)); }
  /// The user `uid` on a unix socket.
  static ClientAddress of_user(std::uint32_t uid);
  /// The client number `number` of those that are known by a name (ClientShares).
  static ClientAddress of_name(std::uint32_t number);

  /// 0 only for a default-constructed object.
  std::uint64_t value() const { return value_; }
  /// "10.0.0.7", "2001:db8:0:1::/64", "uid 1000", "name 7".
  std::string text() const;
  bool operator==(const ClientAddress&) const = default;

 private:
  explicit ClientAddress(std::uint64_t value) : value_(value) {}

  std::uint64_t value_ = 0;
};

/// The client of a connection, or of one request that a trusted proxy has passed on.
struct Peer {
  /// "address:port" or "unix:uid=1000,pid=4242"; "address" if a proxy does not name the port; empty
  /// if it is unknown.
  std::string name;
  ClientAddress address;  ///< whose bounds apply; default-constructed if it is unknown
  IpAddress ip = {};      ///< for rules about networks; default-constructed if it is unknown
  /// The user that connected to a unix socket, as the kernel reports it (SO_PEERCRED, unix(7)).
  std::optional<unsigned> uid = {};
  /// The names of the client's certificate (tls::names_of()); null without one.
  std::shared_ptr<const std::vector<std::string>> certificate = nullptr;
  /// The name of the trusted proxy that has told the address of this client; empty: the client is
  /// connected itself, or the proxy speaks for itself.
  std::string via = {};
};

}  // namespace entrepot::http

template <>
struct std::hash<entrepot::http::ClientAddress> {
  std::size_t operator()(const entrepot::http::ClientAddress& address) const noexcept;
};
