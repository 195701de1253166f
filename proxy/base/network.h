// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "proxy/base/fault.h"
#include "proxy/base/ip_address.h"

namespace entrepot {

/// A network of IPv4 or of IPv6 addresses (RFC 4632, RFC 4291 §2.3). An IPv6 network contains no
/// IPv4 address: "::/0" is every IPv6 address, "0.0.0.0/0" every IPv4 address. A value; any thread.
class Network {
 public:
  /// Parses "10.0.0.0/8", "2001:db8::/32", or an address alone, which is a network of one address.
  /// An IPv4-mapped network such as "::ffff:10.0.0.0/104" is the IPv4 network. Bits beyond the
  /// prefix are a fault, because the writer meant either another prefix or one address.
  static std::variant<Network, Fault> parse(std::string_view text);

  /// False for an unknown address.
  bool contains(const IpAddress& address) const;
  /// "10.0.0.0/8".
  std::string text() const;
  bool operator==(const Network&) const = default;

 private:
  Network(const IpAddress& base, unsigned prefix) : base_(base), prefix_(prefix) {}

  IpAddress base_;
  unsigned prefix_;  // of the 128 bits of IpAddress::bytes()
};

}  // namespace entrepot
