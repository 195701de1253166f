// SPDX-License-Identifier: Apache-2.0
// How what happened on the wire becomes a cache::Failure. Pure; any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cache/base/failure.h"
#include "proxy/upstream/transfer/transfer.h"
#include "proxy/upstream/wire/response_head.h"

namespace entrepot::upstream {

/// The kind of a transfer that ended without a usable answer.
cache::FailureKind kind_of(const TransferEnd& end);
/// True when the same request may succeed at once: the network failed, not the response.
bool worth_retrying(const TransferEnd& end);
/// Advice for the operator, one phrase.
std::string advice(const TransferEnd& end);

/// This mirror gave the transfer up: that says nothing about the endpoint.
bool given_up(const TransferEnd& end);
/// "<what>: <detail>; <advice>". `what` names upstream, method and URL without its query.
cache::Failure transport_failure(const std::string& what, const TransferEnd& end);

/// The failure an answer's status means: 404 and 410 not_found, 401, 402, 403, 412 and 451 denied,
/// 429 rate_limited with its Retry-After, 408 and 5xx unavailable, anything else bad_upstream.
/// `reason`: the registry's own words (refusal/refusal_reason.h).
cache::Failure status_failure(const std::string& what, const ResponseHead& head,
                              std::chrono::system_clock::time_point now, std::string reason = {});

/// The reason to count for a status that is a failure.
EndpointFailure failure_reason(int status);

/// An answer we must not use. `why` continues "<what>: ".
cache::Failure bad_answer(const std::string& what, std::string_view why, int status = 0);

}  // namespace entrepot::upstream
