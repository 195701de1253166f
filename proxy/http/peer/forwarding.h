// SPDX-License-Identifier: Apache-2.0
// The client behind a trusted proxy, as the other code sees it.
#pragma once

#include "proxy/http/client/client_address.h"
#include "proxy/http/peer/source_address.h"
#include "proxy/http/peer/trusted_proxies.h"

namespace entrepot::http {

/// Whether a connection is that of a trusted proxy.
inline bool trusted(const TrustedProxies& proxies, const Peer& peer) {
  return peer.ip.known() ? proxies.contain(peer.ip) : proxies.unix_socket;
}

/// Whether the requests of a connection name their clients (X-Forwarded-For).
inline bool names_clients_in_requests(const TrustedProxies& proxies, const Peer& peer) {
  return proxies.protocol == ForwardingProtocol::x_forwarded_for && trusted(proxies, peer);
}

/// Whether a connection has to begin with a header of the PROXY protocol.
inline bool begins_with_header(const TrustedProxies& proxies, const Peer& peer) {
  return proxies.protocol == ForwardingProtocol::proxy && trusted(proxies, peer);
}

/// The client at `source` behind `proxy`. It has neither the user nor the certificate of the proxy,
/// or a rule for the proxy would hold for all of its clients.
inline Peer forwarded_peer(const Peer& proxy, const SourceAddress& source) {
  return {.name = source.text(),
          .address = ClientAddress::of(source.ip),
          .ip = source.ip,
          .via = proxy.name};
}

}  // namespace entrepot::http
