// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "proxy/base/ip_address.h"
#include "proxy/base/network.h"

namespace entrepot::http {

/// How a proxy names the client whose bytes it passes on.
enum class ForwardingProtocol : std::uint8_t {
  proxy,            ///< the PROXY protocol: a header at the beginning of each connection
  x_forwarded_for,  ///< the field X-Forwarded-For of each request
};

/// The proxies and load balancers that one listener believes, and how they name their clients.
/// Immutable once shared; any thread.
struct TrustedProxies {
  ForwardingProtocol protocol = ForwardingProtocol::proxy;
  std::vector<Network> networks = {};
  /// All who may connect to the unix socket.
  bool unix_socket = false;

  bool contain(const IpAddress& address) const {
    return std::any_of(networks.begin(), networks.end(),
                       [&](const Network& network) { return network.contains(address); });
  }
  bool operator==(const TrustedProxies&) const = default;
};

}  // namespace entrepot::http
