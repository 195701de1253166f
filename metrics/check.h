// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace entrepot {

/// Ends the process with exit code 70 and a line on stderr that names the source location of the
/// caller (builtins, because clang 14 lacks std::source_location).
[[noreturn]] void bug(const char* what, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE());

/// Asserts a condition that only a bug in this program can violate; never use it for network, disk,
/// configuration or client input. Active in release builds too: a restart is cheap, a wrong byte is
/// not.
inline void check(bool holds, const char* what, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  if (!holds) [[unlikely]] {
    bug(what, file, line);
  }
}

}  // namespace entrepot
