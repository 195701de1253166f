// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace entrepot::http {

/// The process that listens on a TCP port of this network, for a message: "nginx (pid 812)"; or
/// "a process of the user id 33" if it belongs to a user whose files in /proc (proc(5)) are not to
/// be read. Empty: there is none, /proc does not show it, or several have the port on
/// different addresses. Any thread; reads /proc, which takes
/// milliseconds.
std::string owner_of_port(std::uint16_t port);

}  // namespace entrepot::http
