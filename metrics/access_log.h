// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "metrics/labels.h"

namespace spdlog {
class logger;
}

namespace entrepot::log {

/// What one line tells. Views are read during AccessLog::write() only.
struct AccessLine {
  std::string_view client;  ///< "address:port"
  std::string_view method;  ///< "GET"; empty when the request was not understood
  /// The path without its query: a query may carry what must not be logged.
  std::string_view path;
  int status = 0;  ///< 0: no reply was begun
  metrics::Outcome outcome = metrics::Outcome::hit;
  std::string_view reason;    ///< why not a plain hit; may be empty
  std::string_view upstream;  ///< configured name; empty when none was found
  metrics::Kind kind = metrics::Kind::other;
  std::uint64_t bytes = 0;  ///< of the body
  std::chrono::nanoseconds duration{0};
  std::chrono::nanoseconds first_byte{0};
  bool complete = true;    ///< false: the client left, or the body failed
  std::string_view error;  ///< what the client was told when it was our or the upstream's fault
};

/// The access log: one line for each exchange, through the log's queue and in its format.
/// Constant after construction; any thread; never blocks.
class AccessLog {
 public:
  explicit AccessLog(bool enabled) : enabled_(enabled) {}

  /// When this is false, the caller may spare itself the filling of a line.
  bool enabled() const { return enabled_; }
  void write(const AccessLine& line) const;

 private:
  const bool enabled_;
};

// Defined by log.cc, for access_log.cc.
spdlog::logger& access_logger();
bool json();

}  // namespace entrepot::log
