// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "proxy/upstream/endpoint/endpoint.h"
#include "proxy/upstream/request_result.h"
#include "proxy/upstream/retry.h"

namespace entrepot::upstream {

/// The failures of the endpoints for one request, and their result: the endpoints that need no
/// further request, and the failure to report when none is left. Loop thread only.
///
/// Reports the most definite of the endpoints' last failures: denied, not found, rate limited,
/// unavailable, a response that cannot be used. "Denied" and "not found" are doubtful while an
/// endpoint that may have the object has not responded.
class FailureTally {
 public:
  /// `endpoints`: how many the upstream has.
  explicit FailureTally(std::size_t endpoints) : endpoints_(endpoints) {}

  void add(const Endpoint& endpoint, const RequestFailure& failure);
  /// The endpoints that failed since the last round began.
  const std::vector<const Endpoint*>& tried() const { return tried_; }
  /// One of them may succeed when it gets the request again at once.
  bool worth_another_round() const { return retryable_; }
  /// The wait before another round by the rules of `retry`; nullopt: there is none. `patient`: wait
  /// for a rate limit of unnamed duration too.
  std::optional<std::chrono::milliseconds> round_wait(Retry& retry, bool patient,
                                                      Retry::Time now) const;
  /// The time until an open circuit may admit a request; nullopt: none was open.
  std::optional<std::chrono::milliseconds> circuit_wait() const { return circuit_wait_; }
  /// Begins a new round: only final failures still count.
  void next_round();
  /// Begins a new round without a failure to report: the request, or a good part of it, succeeded.
  void answered();
  /// REQUIRES: something was added. The failure to report.
  cache::Failure failure() const;

 private:
  const std::size_t endpoints_;
  std::vector<const Endpoint*> tried_;
  std::vector<const Endpoint*> final_;  ///< with a failure that will not change
  bool retryable_ = false;
  std::optional<std::chrono::milliseconds> circuit_wait_;
  std::optional<std::chrono::milliseconds> pause_;  ///< the shortest of this round
  bool paused_asked_ = false;                       ///< a response of this round set it
  std::map<const Endpoint*, cache::Failure> last_;  ///< of each
};

}  // namespace entrepot::upstream
