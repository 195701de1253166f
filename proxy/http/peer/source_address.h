// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/base/ip_address.h"

namespace entrepot::http {

/// The address of a client, as a proxy in front of this process names it. A value; any thread.
struct SourceAddress {
  IpAddress ip;
  std::optional<std::uint16_t> port = {};  ///< absent: the proxy does not name it

  /// "10.0.0.7:51234", "[2001:db8::1]:443"; without a port "10.0.0.7", "[2001:db8::1]".
  std::string text() const;
  bool operator==(const SourceAddress&) const = default;
};

}  // namespace entrepot::http
