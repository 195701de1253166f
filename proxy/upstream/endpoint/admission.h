// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "cache/base/failure.h"
#include "proxy/upstream/endpoint/endpoint.h"

namespace entrepot::upstream {

/// The permission of an endpoint's circuit breaker for one request. Reports one outcome to the
/// endpoint; the destructor reports that the request was abandoned. Loop thread only.
class Admission {
 public:
  /// `endpoint` outlives this.
  explicit Admission(Endpoint& endpoint) : endpoint_(endpoint) {}
  ~Admission() { abandon(); }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  /// Requests the permission once. The failure to report when it is refused.
  std::optional<cache::Failure> request() {
    auto failure = endpoint_.admit();
    pending_ = !failure;
    return failure;
  }
  /// Granted, and no outcome reported.
  bool pending() const { return pending_; }

  // Each does nothing unless pending().
  void answered() {
    if (std::exchange(pending_, false)) endpoint_.answered();
  }
  void failed(EndpointFailure reason, std::string_view why) {
    if (std::exchange(pending_, false)) endpoint_.failed(reason, why);
  }
  void abandon() {
    if (std::exchange(pending_, false)) endpoint_.abandoned();
  }

 private:
  Endpoint& endpoint_;
  bool pending_ = false;
};

}  // namespace entrepot::upstream
