// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <queue>
#include <unordered_set>
#include <utility>

#include "metrics/mutex.h"
#include "proxy/http/client/client_address.h"

namespace entrepot::http {

/// Limits a frequent line of the log to one per client and hour. Remembers at most `most` clients
/// (about 100 bytes each); while it is full, further clients get no line. Any thread.
class LinePerClient {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::hours period{1};
  static constexpr std::size_t most = 4096;

  /// Whether the caller logs its line about `client` at `now`.
  bool take(ClientAddress client, Clock::time_point now);

 private:
  Mutex mutex_;
  std::unordered_set<ClientAddress> told_ GUARDED_BY(mutex_);
  /// The same clients with the time of their line, the oldest first.
  std::queue<std::pair<Clock::time_point, ClientAddress>> order_ GUARDED_BY(mutex_);
};

}  // namespace entrepot::http
