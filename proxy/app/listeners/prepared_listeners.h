// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace entrepot::app {

/// The listeners of a new configuration, bound and with the content of their files, ready for use.
/// The lists have the names of listeners ("https://127.0.0.1:5443").
struct PreparedListeners {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> with_tls;      ///< those that spoke plain HTTP
  std::vector<std::string> without_tls;   ///< those that spoke TLS
  std::vector<std::string> modes;         ///< unix sockets with other permissions
  std::vector<std::string> certificates;  ///< listeners with other ones
  std::vector<std::string> rules;         ///< listeners with other users, tokens or access rules
  std::vector<std::string> proxies;       ///< listeners with other trusted proxies
  std::vector<std::string> warnings;
  /// Begins to listen and to use them. Throws http::ListenError, and then nothing has changed.
  /// Once; never: the sockets are closed, and no client has been on the new ones.
  std::function<void()> use;

  bool changed() const { return !text().empty(); }
  /// "listeners added: …; new certificates on https://…": for the log.
  std::string text() const;
};

}  // namespace entrepot::app
