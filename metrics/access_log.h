// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/labels.h"
#include "metrics/reasons.h"

namespace spdlog {
class logger;
}

namespace entrepot::log {

/// The waits of a reply while it was sent, each in sum.
struct ReplyWaits {
  std::chrono::nanoseconds client{0};    ///< the client took no bytes, and there were some
  std::chrono::nanoseconds pace{0};      ///< held back by limits.bandwidth_per_client
  std::chrono::nanoseconds disk{0};      ///< bytes that were not in the page cache
  std::chrono::nanoseconds upstream{0};  ///< bytes that had not arrived yet
};

/// The events of the upstream work for a request since it has joined the work: all transfers
/// together. No wait is longer than the request took.
struct UpstreamWork {
  /// A transfer went on at another endpoint.
  struct Move {
    std::string from, to;
    metrics::MoveReason reason = metrics::MoveReason::failed;
    /// With MoveReason::failed: what failed at `from`.
    std::optional<metrics::EndpointFailure> failure = std::nullopt;
  };

  std::vector<std::string> endpoints;  ///< that have delivered, in this order; the first few
  std::uint64_t kept = 0;              ///< bytes that an earlier fetch had left
  std::chrono::nanoseconds queued{0};  ///< waits for one of the upstream's transfer slots
  /// Waits for the response head, tokens and redirects included.
  std::chrono::nanoseconds awaited{0};
  /// Pauses of a body. Each second of a transfer is looked at: a pause counts if one had no byte.
  /// So one of two seconds always counts, and a shorter one by chance.
  std::uint64_t stalls = 0;
  std::chrono::nanoseconds stalled{0};  ///< the seconds without a byte
  std::uint64_t resumes = 0;            ///< bodies that broke and went on
  std::uint64_t moves = 0;
  std::vector<Move> first_moves;  ///< the first few
  std::uint64_t transfers = 1;    ///< the most at once, if a blob was fetched in parallel
};

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
  bool complete = true;                    ///< false: the client disconnected, or the body failed
  std::chrono::nanoseconds login_wait{0};  ///< for the check of its login, behind those of others
  ReplyWaits waits = {};
  const UpstreamWork* work = nullptr;  ///< null: none was needed
  /// the error message for the client, if the mirror or the upstream caused it
  std::string_view error;
};

class AccessFile;

/// The access log: one line for each exchange, in the format of the log; to its own file if
/// Options::access_file names one, else through the queue of the log. The line of a slow or odd
/// exchange explains it (docs/operations.md). Any thread; never blocks.
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

/// The lines of such exchanges have fields that explain them: of those that took this long, and of
/// those whose upstream work was not the usual one. A client that has joined a parallel fetch did
/// not bring it about, so for its line that alone is usual.
inline constexpr std::chrono::seconds slow_exchange{1};
/// Shorter waits have no field.
inline constexpr std::chrono::milliseconds least_wait{100};

// Defined in log.cc, used by access_log.cc.
spdlog::logger& access_logger();
AccessFile* access_file();  // null: there is none
bool json();

}  // namespace entrepot::log
