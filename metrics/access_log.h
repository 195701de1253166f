// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "metrics/labels.h"

namespace spdlog {
class logger;
}

namespace entrepot::log {

/// The fields of one line. Views are read during AccessLog::write() only.
struct AccessLine {
  std::string_view client;  ///< "address:port", or "address" behind a proxy
  std::string_view via;     ///< the trusted proxy that has told this address; empty without one
  std::string_view user;    ///< the name of its login or token; empty without one
  std::string_view method;  ///< "GET"; empty if the request could not be parsed
  /// The path without its query, which may contain secrets.
  std::string_view path;
  int status = 0;  ///< 0: no reply was sent
  metrics::Outcome outcome = metrics::Outcome::hit;
  std::string_view reason;    ///< a word of reasons.h, or the sentence of a refusal; may be empty
  std::string_view upstream;  ///< configured name; empty if none was found
  metrics::Kind kind = metrics::Kind::other;
  std::uint64_t bytes = 0;  ///< size of the body
  std::chrono::nanoseconds duration{0};
  std::chrono::nanoseconds first_byte{0};
  bool complete = true;  ///< false: the client disconnected, or the body failed
  /// the error message for the client, if the mirror or the upstream caused it
  std::string_view error;
};

class AccessFile;

/// The access log: one line for each exchange, in the format of the log; to its own file if
/// Options::access_file names one, else through the queue of the log. Any thread; never blocks.
class AccessLog {
 public:
  /// One of `sample` whole replies from the cache gets a line (1: each).
  explicit AccessLog(bool enabled, unsigned sample = 1) : enabled_(enabled), sample_(sample) {}
  AccessLog(const AccessLog& other) : AccessLog(other.enabled_, other.sample_) {}
  AccessLog& operator=(const AccessLog&) = delete;

  /// The same for the exchanges that end from now on.
  void set(bool enabled, unsigned sample) {
    sample_.store(sample, std::memory_order_relaxed);
    enabled_.store(enabled, std::memory_order_relaxed);
  }

  /// If false, the caller need not fill a line.
  bool enabled() const { return enabled_.load(std::memory_order_relaxed); }
  void write(const AccessLine& line) const;

 private:
  std::atomic<bool> enabled_;
  std::atomic<unsigned> sample_;
};

// Defined in log.cc, used by access_log.cc.
spdlog::logger& access_logger();
AccessFile* access_file();  // null: there is none
bool json();

}  // namespace entrepot::log
