// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/upstream/wire/credential.h"
#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

/// A proxy and the account there.
struct ProxyServer {
  std::string url = {};     ///< http, https or socks5h, with host and port; empty: none
  Credential account = {};  ///< for Basic (RFC 7617) and SOCKS (RFC 1929); no user name: none

  /// The URL with the account in it, percent-encoded; a secret. libcurl (7.88.1) decodes
  /// CURLOPT_PROXYUSERNAME and CURLOPT_PROXYPASSWORD as well, against their manual pages: a
  /// password with "%41" in it would reach the proxy as another one.
  std::string with_account() const;
};

/// The proxies through which the transfers of an upstream go, and the hosts that they reach without
/// one. A plain value; constant while transfers use it, so any thread.
///
/// libcurl sends CONNECT for https (RFC 9110 §9.3.6), the absolute form for http (RFC 9112 §3.2.2),
/// and the host name, not its address, to a SOCKS proxy (RFC 1928).
struct OutgoingProxy {
  ProxyServer for_https = {};
  ProxyServer for_http = {};  ///< for plain http targets
  std::string ca_file =
      {};  ///< PEM file with the authorities of an https proxy; empty: the system's
  /// Hosts that are reached directly: "registry.lan" (or ".registry.lan", "*.registry.lan") with
  /// its subdomains, "10.0.0.7", "10.0.0.0/8", "fd00::/8", or "*" for all. A network matches hosts
  /// that are written as an address.
  std::vector<std::string> except = {};

  /// The proxy for a request to `target`, a member of this; null if the request goes out directly.
  /// A host that is written as an address which is not global, and a local name, are reached
  /// directly unless `private_addresses`: the check of dialled addresses then refuses them. The
  /// proxy must not reach for a redirect what this process would not.
  const ProxyServer* server_for(const Url& target, bool private_addresses) const;
};

/// True if `entry` of OutgoingProxy::except names `host` (lower case, no brackets). Pure.
bool is_excepted(std::string_view entry, std::string_view host);

}  // namespace entrepot::upstream
