// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/host.h"

#include "proxy/base/text.h"
#include "proxy/http/parse/chars.h"

namespace entrepot::http {

bool valid_host(std::string_view host) {
  std::string_view port;
  if (host.starts_with('[')) {
    const std::size_t bracket = host.find(']');
    if (bracket == host.npos || bracket < 3) return false;
    for (const char c : host.substr(1, bracket - 1))
      if (hex_value(c) < 0 && c != ':' && c != '.') return false;
    port = host.substr(bracket + 1);
    if (!port.empty() && port[0] != ':') return false;
  } else {
    const std::size_t colon = host.find(':');
    const std::string_view name = host.substr(0, colon);
    if (name.empty() || !all(name, is_host)) return false;
    if (colon != host.npos) port = host.substr(colon);
  }
  if (port.size() > 6) return false;
  for (std::size_t i = 1; i < port.size(); ++i)
    if (port[i] < '0' || port[i] > '9') return false;
  return true;
}

}  // namespace entrepot::http
