// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "conf/config.h"

namespace entrepot::app {

/// The work of a running process on its listeners when others are configured. Two entries are the
/// same listener if their addresses are spellings of one (http::same_address()).
struct ListenerPlan {
  enum class Step : std::uint8_t {
    keep,     ///< the server runs on, with other settings perhaps
    replace,  ///< another server takes over the sockets, because `tls` has come or gone
    add       ///< a new address
  };
  struct Entry {
    Step step;
    std::size_t before = 0;  ///< its index in the present list; 0 if it is added
    bool operator==(const Entry&) const = default;
  };
  std::vector<Entry> entries;        ///< in the order of the next list
  std::vector<std::size_t> removed;  ///< indices of the present list
};

constexpr std::string_view to_string(ListenerPlan::Step step) {
  constexpr std::string_view names[] = {"keep", "replace", "add"};
  return names[static_cast<std::size_t>(step)];
}

/// Pure. Several entries may have the same address if the system chooses their ports: then those
/// that keep their kind come first, in the order of the lists. Throws http::ListenError for text
/// that is no address.
ListenerPlan plan_listeners(const std::vector<conf::Listener>& now,
                            const std::vector<conf::Listener>& next);

/// Whether a running server can serve `other` instead of `one`: neither the address, the mode, nor
/// the presence of the listener or of its TLS differ. Pure.
bool same_admin_server(const std::optional<conf::Admin>& one,
                       const std::optional<conf::Admin>& other);

/// The settings of the admin listener until the next start, if `next` is configured instead of
/// `now`: all of `now` unless same_admin_server(), so that nobody sends a password without the TLS
/// that was configured with it. Pure.
std::optional<conf::Admin> admin_until_restart(const std::optional<conf::Admin>& now,
                                               const std::optional<conf::Admin>& next);

}  // namespace entrepot::app
