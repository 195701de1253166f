// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/fetch_events.h"

#include "proxy/upstream/body_meter.h"

namespace entrepot::upstream {

using metrics::MoveReason;

void FetchEvents::awaits() {
  pausing_ = false;
  if (!beside_others_ && !wait_.running()) wait_ = cache::FetchRecord::Wait(record_);
}

void FetchEvents::answered(const Endpoint& endpoint, std::chrono::nanoseconds queued) {
  wait_.end(queued);
  if (record_) record_->delivers(endpoint.label());
}

void FetchEvents::second(bool delivered) {
  if (delivered)
    pausing_ = false;
  else
    pauses(BodyMeter::interval);
}

void FetchEvents::pauses(std::chrono::nanoseconds length) {
  const bool begins = !std::exchange(pausing_, true);
  if (record_) record_->stalled(length, begins);
}

void FetchEvents::failed(const Endpoint& endpoint, std::optional<metrics::EndpointFailure> reason) {
  cause_ = {reason ? MoveReason::failed : MoveReason::unasked, reason};
  // A body that drips has no second without a byte.
  if (reason == metrics::EndpointFailure::stall && !pausing_) pauses(endpoint.timeouts().stall);
}

void FetchEvents::resumes() {
  if (record_) record_->resumed();
}

void FetchEvents::goes_on(const Endpoint& from, const Endpoint& to) {
  if (record_ && &from != &to)
    record_->moved({from.label(), to.label(), cause_.reason, cause_.failure});
}

void FetchEvents::wins(const Endpoint& from, const Endpoint& to) {
  cause_ = {MoveReason::late, std::nullopt};
  goes_on(from, to);
}

}  // namespace entrepot::upstream
