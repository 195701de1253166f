// SPDX-License-Identifier: Apache-2.0
// The statistics of a fetch loop about its upstreams, for operators and for the next process. Plain
// values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "metrics/reasons.h"

namespace entrepot::upstream {

/// The last failure of an endpoint: see Trouble.
struct FailureReport {
  metrics::EndpointFailure reason = metrics::EndpointFailure::other;
  std::string text = {};
  std::chrono::seconds since{0};  ///< how long ago the first one like it was
  std::chrono::seconds ago{0};    ///< how long ago it was
  bool over = false;              ///< a request has succeeded since
  bool lasting = false;           ///< no chance: the log has a line about it (Trouble)
};

/// The pulls that a registry says it still grants to all accounts.
struct PullsLeft {
  std::uint64_t count = 0;
  bool few = false;  ///< they are saved (Accounts::low_on_quota())
};

struct EndpointReport {
  std::string endpoint = {};  ///< its label
  std::string region = {};
  bool down = false;        ///< its last request got no response
  bool suspect = false;     ///< it sent wrong bytes lately
  bool unasked = false;     ///< its circuit is open
  double failure_rate = 0;  ///< 0 to 1, of its recent requests
  int bodies = 0;           ///< in transfer
  // In seconds and bytes per second; nullopt while nothing was measured.
  std::optional<double> connect = std::nullopt;
  std::optional<double> first_byte = std::nullopt;
  std::optional<double> late_first_byte =
      std::nullopt;  ///< 95 % of the responses begin within this
  std::optional<double> rate = std::nullopt;
  std::optional<double> rate_ago = std::nullopt;  ///< since the last measured interval of a body
  std::optional<double> answered_ago = std::nullopt;  ///< since the last response
  // The rate limit.
  std::chrono::seconds limited{0};  ///< nothing is sent for this time (429)
  std::optional<PullsLeft> remaining = std::nullopt;
  /// The remaining wait of each limited account, by user name (empty: anonymous).
  std::map<std::string, std::chrono::seconds> waits = {};
  std::optional<FailureReport> last_failure = std::nullopt;
  std::size_t accounts = 0;  ///< credentials, or the anonymous user
  /// Accounts that the endpoint refuses, by user name, and for how long.
  std::map<std::string, std::chrono::seconds> refused = {};
  std::size_t refused_accounts = 0;  ///< their number; two of them may have one user name
  /// It refuses all accounts that are configured; or it lately refused everybody, or nothing showed
  /// which. Another fetch loop may have had a success since.
  bool denied() const {
    return (accounts > 0 && refused_accounts >= accounts) ||
           (last_failure && !last_failure->over && last_failure->ago < std::chrono::minutes(5) &&
            last_failure->reason == metrics::EndpointFailure::denied);
  }
};

struct UpstreamReport {
  std::string name = {};
  std::string proxy = {};  ///< URL of the outgoing proxy, that for https if there are two; or empty
  std::size_t transfers = 0;  ///< running
  std::size_t queued = 0;
  double oldest = 0;  ///< for how long the oldest transfer has been running, in seconds
  std::vector<EndpointReport> endpoints = {};
};

using Reports = std::vector<UpstreamReport>;

}  // namespace entrepot::upstream
