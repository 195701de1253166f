// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/base/failure.h"
#include "metrics/labels.h"
#include "metrics/phase_variable.h"
#include "proxy/upstream/body_meter.h"
#include "proxy/upstream/endpoint/admission.h"
#include "proxy/upstream/endpoint/endpoint.h"
#include "proxy/upstream/login.h"
#include "proxy/upstream/refusal/account_trial.h"
#include "proxy/upstream/refusal/refusal_reason.h"
#include "proxy/upstream/request_phase.h"
#include "proxy/upstream/request_result.h"
#include "proxy/upstream/transfer/timer.h"
#include "proxy/upstream/transfer/transfer.h"
#include "proxy/upstream/wire/redirect_trail.h"
#include "proxy/upstream/wire/response_head.h"

namespace entrepot::upstream {

class EndpointRequest;

/// Receives the response to an EndpointRequest. Called on the loop thread. Any call may destroy the
/// request, which makes no further call then.
class RequestSink {
 public:
  virtual ~RequestSink() = default;
  /// The head of a 2xx, once; not when the request fails earlier.
  virtual Disposition on_head(EndpointRequest& request, const ResponseHead& head) = 0;
  /// See TransferSink::on_data().
  virtual bool on_data(EndpointRequest& request, std::span<const std::byte> data) = 0;
  /// One second of the body has passed, in which it was not held, at `rate` bytes per second. Only
  /// where RequestSpec::measured.
  virtual void on_second(EndpointRequest&, double /*rate*/) {}
  /// The end, once.
  virtual void on_end(EndpointRequest& request, RequestResult result) = 0;
};

/// A request to an endpoint, before authentication and redirects.
struct RequestSpec {
  metrics::Kind kind = metrics::Kind::blob;
  bool head = false;
  std::string repository;  ///< the scope of its token
  Url url;                 ///< on the endpoint's origin
  /// Header lines for every hop: Accept, Range, If-Range. Never an Authorization.
  std::vector<std::string> headers;
  /// See cache::FetchRequest. Via goes to the endpoint only.
  std::string via = {};
  std::vector<cache::Client> clients = {};  ///< see TransferRequest
  const cache::Demand* demand = nullptr;
  bool measured = false;  ///< the rate of the body counts for the endpoint (BodyMeter)
};

/// One request to one endpoint, until it has a response: the circuit breaker, a token, redirects
/// and their rules, another token where the endpoint refused one, a return to the endpoint where a
/// signed URL was refused, another account or none where the endpoint refuses the account, or may
/// refuse it. No retries. Its states: request_phase.h. Measures the rate of the body.
/// Loop thread only; destroying it cancels it.
class EndpointRequest : private TransferSink, private LoginSink, private AccountTrial::Sink {
 public:
  /// `endpoint` and `sink` outlive this.
  EndpointRequest(Endpoint& endpoint, RequestSpec spec, RequestSink& sink);

  /// Begins. May call the sink before it returns, when the circuit is open.
  void start();
  struct Waits {
    /// Since the request was sent; nullopt before that and once there is a response.
    std::optional<std::chrono::nanoseconds> response;
    /// For transfer slots of the upstream: of all hops that have a response.
    std::chrono::nanoseconds queue{0};
  };
  Waits waits() const;
  /// See cache::Fetch::hold().
  void hold(bool on);
  /// See cache::Fetch::wanted_by().
  void wanted_by(cache::Client client);
  Endpoint& endpoint() const { return endpoint_; }

 private:
  Disposition on_head(const ResponseHead& head) override;
  bool on_data(std::span<const std::byte> data) override;
  void on_end(const TransferEnd& result) override;
  void on_login(LoginResult result) override;
  void on_trial(AccountTrial::Result result) override;

  // Steps. Each ends by sending, by waiting, or by a call to the sink; nothing follows a step.
  void login();
  void send();
  void refused();
  void refusal_stands();
  void redirected();
  void try_next_account(cache::Failure failure, EndpointFailure reason);
  void no_token(cache::Failure failure);
  void find_blame(cache::Failure failure, EndpointFailure reason);
  void broken(const TransferEnd& result);
  void fail(cache::Failure failure, std::optional<EndpointFailure> reason, bool retryable = false);
  void end(RequestResult result);

  /// The endpoint redirected to a place where its own rules do not hold: to another origin, or from
  /// a list of referrers to a page of another kind.
  bool led_away() const;
  void learn(int status);
  std::string what() const;

  Endpoint& endpoint_;
  const RequestSpec spec_;
  RequestSink& sink_;

  PhaseVariable<RequestPhase> phase_{RequestPhase::created};
  Admission admission_;
  Account* account_ = nullptr;  ///< of the endpoint; from start() on
  std::size_t limited_accounts_ = 0;
  Waiters waiters_;
  RedirectTrail trail_;
  Login login_;                                ///< of the current hop
  AccountTrial trial_;                         ///< of an account that was refused
  std::unique_ptr<BaseAnswerWait> base_wait_;  ///< of a 404 with a page

  ResponseHead head_;     ///< while reading_refusal
  RefusalReason reason_;  ///< in its body
  std::chrono::steady_clock::time_point sent_{};
  std::chrono::microseconds waited_{0};  ///< for the first byte, over all hops
  std::chrono::nanoseconds queued_{0};
  BodyMeter meter_;
  Timer timer_;  ///< the seconds of meter_
  std::unique_ptr<Transfer> transfer_;
};

}  // namespace entrepot::upstream
