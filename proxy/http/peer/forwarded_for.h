// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "proxy/http/parse/request.h"
#include "proxy/http/peer/source_address.h"
#include "proxy/http/peer/trusted_proxies.h"

namespace entrepot::http {

/// Parses one entry of X-Forwarded-For in the forms that proxies write: "10.0.0.7",
/// "10.0.0.7:51234", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443", each also in quotes. The
/// zone of an IPv6 address ("fe80::1%eth0") is dropped. nullopt for anything else, such as
/// "unknown". Pure.
std::optional<SourceAddress> parse_forwarded_address(std::string_view text);

/// The client of a request that a trusted proxy has passed on.
struct ForwardedFor {
  /// An entry that had to be read is no address, or the list has more than most_proxies trusted
  /// proxies at its end.
  bool malformed = false;
  /// nullopt, if not malformed: the request has no entry, so it is that of the proxy itself.
  std::optional<SourceAddress> client = {};

  /// Entries that are read, from the last one on.
  static constexpr std::size_t most_proxies = 32;
};

/// Reads X-Forwarded-For: the client is the last entry that is no trusted proxy, because each proxy
/// appends the address from which it got the request, and clients can write all entries before. If
/// all are trusted proxies, it is the first entry. Several fields are one list (RFC 9110 §5.3);
/// empty entries do not count. Pure; allocates nothing.
ForwardedFor forwarded_for(const Request& request, const TrustedProxies& proxies);

}  // namespace entrepot::http
