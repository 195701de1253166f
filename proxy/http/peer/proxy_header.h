// SPDX-License-Identifier: Apache-2.0
// The header that a load balancer sends before the bytes of a client: version 1 and 2 of the PROXY
// protocol (https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt, sections 2.1 and 2.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/http/peer/source_address.h"

namespace entrepot::http {

/// The header at the front of the bytes of a connection.
struct ProxyHeader {
  enum class Result : std::uint8_t {
    more,       ///< the bytes so far begin a header
    complete,   ///< see `size` and `source`
    missing,    ///< the bytes begin no header
    malformed,  ///< they begin a header that breaks the rules, or exceeds max_size
    checksum,   ///< version 2: the CRC32c is wrong, so a byte has changed on its way
  };

  /// Bytes of the largest accepted header. Version 1 has at most 107; the headers of version 2 that
  /// load balancers send have less than 600. nginx has the same bound.
  static constexpr std::size_t max_size = 4096;

  Result result = Result::more;
  /// Bytes of the header, for `complete`: the bytes of the client begin after them.
  std::size_t size = 0;
  /// The client. nullopt: the balancer speaks for itself (LOCAL: a health check), or for a client
  /// without an IP address (UNKNOWN, UNSPEC, a unix socket).
  std::optional<SourceAddress> source = {};
};

/// Parses the header at the front of `bytes`, the first ones of a connection: all that have
/// arrived, at most max_size. Fields of version 2 after the addresses (TLV) are skipped, except the
/// checksum, which is verified if there is one. Pure; any thread.
ProxyHeader parse_proxy_header(std::string_view bytes);

}  // namespace entrepot::http
