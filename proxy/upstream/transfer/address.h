// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string_view>

namespace entrepot::upstream {

/// The kind of network of an address. A redirect or realm of an upstream may lead to `global` ones
/// only, unless the upstream is configured `internal`.
enum class AddressClass : std::uint8_t {
  global,
  unspecified,  ///< 0.0.0.0/8 and ::, "this host"
  loopback,     ///< 127.0.0.0/8, ::1
  link_local,   ///< 169.254.0.0/16 (cloud metadata lives there), fe80::/10
  private_use,  ///< RFC 1918, fc00::/7, fec0::/10
  shared,       ///< 100.64.0.0/10, carrier-grade NAT
  multicast,    ///< 224.0.0.0/4, ff00::/8
  reserved,     ///< documentation, benchmarking, 240.0.0.0/4, discard, not an IP address at all
};

/// Classifies by the IANA special-purpose registries. IPv4 inside IPv6 (mapped, compatible, NAT64
/// 64:ff9b::/96 and 64:ff9b:1::/48, 6to4, Teredo) is judged by the IPv4 address in it.
/// Pure; any thread.
AddressClass classify(const sockaddr& address, socklen_t length);

/// As above from text ("10.0.0.1", "::1"); what is not an address is `reserved`.
AddressClass classify(std::string_view text);

/// Log word.
std::string_view to_string(AddressClass address_class);

}  // namespace entrepot::upstream
