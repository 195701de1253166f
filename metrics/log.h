// SPDX-License-Identifier: Apache-2.0
// The log: lines to stderr, written by a thread of its own. A full pipe or disk never blocks the
// caller; lines that find the queue full are dropped and counted.
#pragma once

#include <spdlog/spdlog.h>

#include <cstdint>
#include <string>

namespace entrepot::log {

struct Options {
  std::string level = "info";  ///< trace debug info warn error
  bool json = false;           ///< one JSON object per line instead of text
};

/// Starts the log thread. Before it, and after stop(), lines go to stderr on the calling thread.
/// Main thread, before any other thread exists. Throws std::invalid_argument on an unknown level.
void start(const Options& options);
/// Another level from now on. Any thread. Throws as start() does.
void set_level(const std::string& level);
/// Writes what is queued and ends the log thread; gives up after one second on a stderr that takes
/// nothing. Main thread, after the others have ended.
void stop();

/// Lines lost so far: the queue was full, or stderr took nothing. Any thread.
std::uint64_t dropped();

/// Where lines go now. Any thread; the reference stays valid for good.
spdlog::logger& logger();

// Any thread; never blocks. Messages name what, where and what to do; they never hold a secret.
template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  logger().debug(format, std::forward<Args>(args)...);
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  logger().info(format, std::forward<Args>(args)...);
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  logger().warn(format, std::forward<Args>(args)...);
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  logger().error(format, std::forward<Args>(args)...);
}

}  // namespace entrepot::log
