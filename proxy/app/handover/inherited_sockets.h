// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/descriptor.h"
#include "proxy/http/listen/unix_socket.h"

namespace entrepot::app {

/// Listening sockets of another process by their addresses as configured. Closes those that nobody
/// takes. One thread at a time.
class InheritedSockets {
 public:
  void add(std::string address, std::vector<Descriptor> sockets) {
    listeners_.emplace_back(std::move(address), std::move(sockets));
  }
  /// The service manager has passed sockets to this process, perhaps others than these.
  void set_managed() { managed_ = true; }
  bool managed() const { return managed_; }
  /// The listeners with this address.
  std::size_t count(std::string_view address) const {
    return static_cast<std::size_t>(
        std::count_if(listeners_.begin(), listeners_.end(),
                      [&](const auto& one) { return one.first == address; }));
  }
  /// The sockets of a listener with this address; the caller closes them. Empty: there is none
  /// left. Two listeners may have one address if the system chooses their ports.
  std::vector<int> take(std::string_view address) {
    for (auto it = listeners_.begin(); it != listeners_.end(); ++it) {
      if (it->first != address) continue;
      std::vector<int> sockets;
      for (Descriptor& socket : it->second) sockets.push_back(socket.release());
      listeners_.erase(it);
      return sockets;
    }
    return {};
  }

  /// Removes the files of the unix sockets that nobody has taken.
  void remove_files() const {
    for (const auto& [address, sockets] : listeners_)
      if (const auto path = http::socket_path(address)) http::SocketFile(*path).remove();
  }

 private:
  bool managed_ = false;
  std::vector<std::pair<std::string, std::vector<Descriptor>>> listeners_;
};

}  // namespace entrepot::app
