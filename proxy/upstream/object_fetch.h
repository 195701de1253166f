// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cache/api/source.h"
#include "metrics/phase_variable.h"
#include "proxy/upstream/endpoint_request.h"
#include "proxy/upstream/failure_tally.h"
#include "proxy/upstream/fetch_events.h"
#include "proxy/upstream/fetch_phase.h"
#include "proxy/upstream/move_rule.h"
#include "proxy/upstream/object_exchange.h"
#include "proxy/upstream/object_progress.h"
#include "proxy/upstream/resume_budget.h"
#include "proxy/upstream/retry.h"
#include "proxy/upstream/transfer/timer.h"
#include "proxy/upstream/upstream.h"

namespace entrepot::upstream {

/// Fetches a blob or a manifest as one logical transfer: requests it from one endpoint, retries at
/// others or at the same one where that may help, and resumes a body that broke. Loop thread only;
/// destroying it cancels it. The events that move it (its states: fetch_phase.h):
///
///   phase      | event                   | effect
///   requesting | the response is late    | a hedge: another endpoint gets the request as well
///   requesting | failure                 | the next endpoint; after the last one, Retry
///   requesting | response                | delivering; the other request is cancelled
///   delivering | broken, stalled, short  | resumed with a Range (ResumeBudget): at another
///              |                         | endpoint at once, at the same one after a wait
///   delivering | slow                    | resumed from a much faster endpoint (MoveRule)
///   both       | no endpoint is left     | done
///
/// An endpoint that refuses HEAD, or omits the size of a blob in its response, gets a GET instead:
/// of one byte, or of the whole object (FetchRequest::or_get).
class ObjectFetch : public cache::Fetch, private RequestSink {
 public:
  /// `upstream` and `sink` outlive this. Calls the sink from later turns only.
  /// request.max_size 0: no limit.
  ObjectFetch(Upstream& upstream, cache::FetchRequest request, cache::FetchSink& sink);

  void hold(bool on) override;
  void wanted_by(cache::Client client) override;

 private:
  /// One request, which may have ended.
  struct Try {
    std::unique_ptr<EndpointRequest> request = nullptr;
    RequestedPart part = {};
    std::optional<cache::Failure> rejection = std::nullopt;  ///< why its response is not used
  };
  /// A strong ETag, for If-Range at the endpoint that sent it.
  struct Validator {
    std::string etag;
    const Endpoint* endpoint = nullptr;
  };

  Disposition on_head(EndpointRequest& request, const ResponseHead& head) override;
  bool on_data(EndpointRequest& request, std::span<const std::byte> data) override;
  void on_second(EndpointRequest& request, double rate) override;
  void on_end(EndpointRequest& request, RequestResult result) override;

  void attempt(Endpoint& endpoint);
  void hedge();
  Try make_try(Endpoint& endpoint);
  RequestedPart part_for(Endpoint& endpoint) const;
  bool manifest() const { return request_.resource == cache::Resource::manifest; }
  Try& try_of(const EndpointRequest& request) {
    return hedge_.request.get() == &request ? hedge_ : current_;
  }
  void use(Try& winner, const ObjectPlace& place, const ResponseHead& head);
  void reject(EndpointRequest& request, std::string_view why);

  void completed(EndpointRequest& request);
  void stopped(EndpointRequest& request);
  void failed(EndpointRequest& request, const RequestFailure& failure);
  void retry();
  void resume();
  void wait(std::chrono::milliseconds delay);
  /// The last action of a function: the sink may destroy this.
  void finish(std::optional<cache::Failure> failure);
  void get_instead(Endpoint& endpoint, Try& place);
  /// Bytes that an endpoint would have to send; a guess while the size is unknown.
  std::uint64_t bytes_left() const;
  std::string what(const Endpoint& endpoint) const;

  Upstream& upstream_;
  const cache::FetchRequest request_;
  cache::FetchSink& sink_;
  Waiters waiters_;

  ObjectProgress progress_;
  Validator validator_;
  bool head_reported_ = false;                 ///< the sink has its on_head()
  const Endpoint* head_refused_by_ = nullptr;  ///< the last that refused this HEAD

  FailureTally tally_;
  Retry retry_;
  ResumeBudget resumes_;
  MoveRule moves_;
  FetchEvents events_;

  PhaseVariable<FetchPhase> phase_{FetchPhase::waiting};
  Try current_;
  Try hedge_;    ///< runs in FetchPhase::requesting only
  Timer timer_;  ///< the next attempt
  Timer hedge_timer_;
};

}  // namespace entrepot::upstream
