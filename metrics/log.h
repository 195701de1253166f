// SPDX-License-Identifier: Apache-2.0
// The log: lines to stderr, written by a thread of its own. A full pipe or disk never blocks the
// caller. Lines are dropped and counted while the queue is full. If stderr is the journal of
// systemd, a line begins with its priority instead of time and level.
#pragma once

#include <spdlog/spdlog.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/logging/latest_lines.h"

namespace entrepot::log {

struct Options {
  std::string level = "info";    ///< trace debug info warn error
  bool json = false;             ///< one JSON object per line instead of text
  std::string access_file = {};  ///< takes the access lines; empty: they go to stderr as well
};

/// Starts the log thread. Before it, and after stop(), lines are written to stderr on the calling
/// thread. Main thread, before any other thread exists. Throws std::invalid_argument for an unknown
/// level, and std::runtime_error that names the access log if it cannot be opened.
void start(const Options& options);
/// Changes the level; "off": no line at all. Any thread. Throws as start() does.
void set_level(const std::string& level);
/// Opens the access log again, after its file was renamed. Returns false if there is none. Any
/// thread; the result is logged later. After a failure, the file before it stays in use.
bool reopen();
/// Writes queued lines and ends the log thread. Gives up after one second if stderr is blocked.
/// Main thread, after the others have ended.
void stop();

/// The start of a line on stderr that does not go through the log: the priority of an error if
/// stderr is the journal, else empty. Any thread; static storage.
std::string_view error_prefix();

/// Number of lines lost: the queue was full, or stderr or the access log did not take them. Any
/// thread.
std::uint64_t dropped();

/// The latest warnings and errors since the start of the process, the latest one first. Any thread;
/// a line comes a moment after it was logged.
std::vector<LatestLine> latest_lines();

/// The current logger. Any thread; the reference remains valid forever.
spdlog::logger& logger();

// Any thread; never blocks. A message names the failed operation, its object and the remedy; it
// never contains a secret.
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
