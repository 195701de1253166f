// SPDX-License-Identifier: Apache-2.0
// The log: lines to stderr, written by a thread of its own. A full pipe or disk never blocks the
// caller; lines that find the queue full are dropped and counted.
#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace entrepot::log {

struct Options {
  std::string level = "info";  ///< trace debug info warn error
  bool json = false;           ///< one JSON object per line instead of text
};

/// Starts the log thread. Before it, and after stop(), lines go to stderr directly.
/// Main thread, before any other thread exists.
void start(const Options& options);
/// Writes what is queued and ends the log thread.
void stop();

// Any thread. Messages name what, where and what to do; they never hold a secret.
template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::debug(format, std::forward<Args>(args)...);
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::info(format, std::forward<Args>(args)...);
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::warn(format, std::forward<Args>(args)...);
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::error(format, std::forward<Args>(args)...);
}

}  // namespace entrepot::log
