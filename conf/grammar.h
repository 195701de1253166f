// SPDX-License-Identifier: Apache-2.0
// The forms that texts in the configuration must have. Pure functions; nullopt means "good", else
// what is wrong and what is wanted, to follow the path of the key.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace entrepot::conf {

using Fault = std::optional<std::string>;

/// Where to listen: an IPv4 literal or an IPv6 literal in brackets, and a port (0: any free one).
Fault fault_of_address(std::string_view address);

/// An endpoint: http or https, a host, perhaps a port and a path. The message never repeats a URL
/// that holds a user, a password or a query: it may be a secret.
Fault fault_of_url(std::string_view url);

/// The name of an upstream or an alias, as clients write it: a host in lower case, perhaps a port.
Fault fault_of_name(std::string_view name);

/// A host alone: a name in lower case or an IPv4 address.
Fault fault_of_host(std::string_view host);

/// A regex for tags.
Fault fault_of_regex(const std::string& regex);

}  // namespace entrepot::conf
