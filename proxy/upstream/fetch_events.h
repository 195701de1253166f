// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "cache/api/fetch_record.h"
#include "metrics/reasons.h"
#include "proxy/upstream/endpoint/endpoint.h"

namespace entrepot::upstream {

/// Notes the events of one ObjectFetch in its record, if it has one: waits for a response, moves
/// from one endpoint to another and their causes, pauses of the body, resumes. Loop thread only.
class FetchEvents {
 public:
  /// `beside_others`: see cache::FetchRequest.
  FetchEvents(std::shared_ptr<cache::FetchRecord> record, bool beside_others)
      : record_(std::move(record)), beside_others_(beside_others) {}

  /// A response is awaited from now on, unless it is already.
  void awaits();
  /// `endpoint` has responded, and its response is used. `queued`: see FetchRecord::Wait.
  void answered(const Endpoint& endpoint, std::chrono::nanoseconds queued);
  /// A second of the body has passed (BodyMeter::interval), with a byte or without one. So a pause
  /// of less than two seconds may be missed, and the length of one is rounded down.
  void second(bool delivered);
  /// A request has failed for this reason; nullopt: it was not sent.
  void failed(const Endpoint& endpoint, std::optional<metrics::EndpointFailure> reason);
  /// The body goes on after it broke.
  void resumes();
  /// Another endpoint would be faster.
  void is_slow() { cause_ = {metrics::MoveReason::slow, std::nullopt}; }
  /// The fetch goes on at `to`, for the last cause; nothing if it is the same endpoint.
  void goes_on(const Endpoint& from, const Endpoint& to);
  /// `to` was asked as well, and answered first.
  void wins(const Endpoint& from, const Endpoint& to);

 private:
  struct Cause {
    metrics::MoveReason reason = metrics::MoveReason::failed;
    std::optional<metrics::EndpointFailure> failure = std::nullopt;
  };
  void pauses(std::chrono::nanoseconds length);

  const std::shared_ptr<cache::FetchRecord> record_;
  const bool beside_others_;
  cache::FetchRecord::Wait wait_;  ///< for a response
  Cause cause_;                    ///< of the next move
  bool pausing_ = false;           ///< the last second of the body had no byte
};

}  // namespace entrepot::upstream
