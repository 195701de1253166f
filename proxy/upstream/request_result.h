// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "cache/base/failure.h"
#include "metrics/reasons.h"

namespace entrepot::upstream {

using metrics::EndpointFailure;

/// Why a request to an endpoint got no complete response.
struct RequestFailure {
  cache::Failure failure;
  /// Not set: nothing was sent.
  std::optional<EndpointFailure> reason;
  bool retryable = false;      ///< the same request may succeed at once
  bool from_redirect = false;  ///< not the endpoint failed, but the target of its redirect
  /// The endpoint limits our rate and named no time: a retry may succeed after this.
  std::optional<std::chrono::milliseconds> pause = std::nullopt;
};

/// How a request to an endpoint ended.
struct RequestResult {
  enum class Kind : std::uint8_t {
    complete,  ///< the sink has the whole response
    stopped,   ///< the sink aborted the response or accepted no more of it
    failed,    ///< see `failure`
  };
  Kind kind = Kind::complete;
  RequestFailure failure = {};
};

}  // namespace entrepot::upstream
