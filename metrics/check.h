// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <source_location>

namespace entrepot {

/// Ends the process with exit code 70 and a line on stderr naming the place.
[[noreturn]] void bug(const char* what, const std::source_location& where);

/// States something that only a bug in this program can make false: never network, disk,
/// configuration or client input. On in release builds too; restart is cheap, a wrong byte is not.
inline void check(bool holds, const char* what,
                  const std::source_location& where = std::source_location::current()) {
  if (!holds) [[unlikely]]
    bug(what, where);
}

}  // namespace entrepot
