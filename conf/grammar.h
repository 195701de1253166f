// SPDX-License-Identifier: Apache-2.0
// The grammars of texts in the configuration. Pure functions. They return nullopt for a valid text;
// otherwise a message with the fault and the expected form, to be appended to the path of the key.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "conf/config.h"

namespace entrepot::conf {

using Fault = std::optional<std::string>;

/// A listen address: an IPv4 literal or an IPv6 literal in brackets, and a port (0: any free one).
/// Or "unix:" and the path of a socket: absolute, at most 107 bytes (sun_path, unix(7)), without
/// control characters.
Fault fault_of_address(std::string_view address);

/// True for the address of a unix socket, valid or not.
bool is_unix(std::string_view address);
/// The path in the address of a unix socket. REQUIRES: is_unix(address).
std::string_view socket_path(std::string_view address);

/// The URL of an endpoint: http or https, a host, optionally a port and a path. The message never
/// repeats a URL with a user, a password or a query, which may be secrets.
Fault fault_of_url(std::string_view url);

/// The URL of an outgoing proxy: http, https or socks5h, a host and a port. The message never
/// repeats a URL with a user or a password.
Fault fault_of_proxy_url(std::string_view url);

/// The account at the proxy `url`: without control characters (RFC 7617 section 2); SOCKS has room
/// for 255 bytes of each text (RFC 1929). The message never repeats the account.
Fault fault_of_proxy_account(std::string_view url, const Credential& account);

/// A host that is reached without the proxy: a host name, possibly with a leading dot, an address,
/// a network such as "10.0.0.0/8", or "*".
Fault fault_of_exception(std::string_view entry);

/// The name or alias of an upstream, as clients write it: a host in lower case, optionally a port.
Fault fault_of_name(std::string_view name);

/// A host without port: a name in lower case or an IPv4 address.
Fault fault_of_host(std::string_view host);

/// A regex for tags.
Fault fault_of_regex(const std::string& regex);

}  // namespace entrepot::conf
