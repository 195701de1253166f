// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/handover/bound_ports.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/listen/unix_socket.h"
#include "proxy/http/listener.h"

namespace entrepot::app {

void bind_new_ports(const conf::Config& config, InheritedSockets& sockets) {
  std::map<std::string, std::size_t> wanted;
  for (const auto& listener : config.listen) ++wanted[listener.address];
  if (config.admin) ++wanted[config.admin->address];
  for (const auto& [address, count] : wanted) {
    if (http::socket_path(address)) continue;
    for (std::size_t have = sockets.count(address); have < count; ++have) {
      std::vector<Descriptor> bound;
      for (const int fd : http::listen_on(address, 1).sockets) bound.emplace_back(fd);
      sockets.add(address, std::move(bound));
    }
  }
}

}  // namespace entrepot::app
