// SPDX-License-Identifier: Apache-2.0
// Which configured addresses one process cannot listen on together. Pure functions.
#pragma once

#include <string>

namespace entrepot::conf {

/// Whether two addresses are spellings of one: "127.0.0.1:80" and "[::ffff:127.0.0.1]:080",
/// "unix:/run/a" and "unix:/run/b/../a". False if the system chooses a port, and for invalid text.
bool same_listen_address(const std::string& one, const std::string& other);

/// Whether one of them is "any" on the port of the other, so that bind(2) refuses the second:
/// "0.0.0.0:80" has all IPv4 addresses, "[::]:80" those and all IPv6 ones. False for unix sockets,
/// if the system chooses a port, and for invalid text.
bool covers_listen_address(const std::string& one, const std::string& other);

}  // namespace entrepot::conf
