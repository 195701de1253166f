// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/base/failure.h"
#include "metrics/labels.h"
#include "proxy/upstream/endpoint/endpoint.h"
#include "proxy/upstream/login.h"
#include "proxy/upstream/refusal_reason.h"
#include "proxy/upstream/transfer/transfer.h"
#include "proxy/upstream/wire/response_head.h"

namespace entrepot::upstream {

/// What to ask an endpoint for.
struct AskRequest {
  metrics::Kind kind = metrics::Kind::blob;
  bool head = false;
  std::string repository;  ///< the scope of its token
  Url url;                 ///< on the endpoint's origin
  /// Header lines that go to every hop: Accept, Range, If-Range. Never an Authorization.
  std::vector<std::string> headers;
  /// On whose behalf: see cache::FetchRequest. Via goes to the endpoint only.
  std::string via = {};
  std::vector<cache::Client> clients = {};  ///< see TransferRequest
  const cache::Demand* demand = nullptr;
};

/// How an ask ended without the whole answer.
struct AskFailure {
  cache::Failure failure;
  std::string_view reason;  ///< of entrepot_endpoint_failures_total; empty: nothing was attempted
  bool retryable = false;   ///< the same again may succeed at once
  bool from_redirect = false;  ///< it was not the endpoint that answered, but where it led us
  /// Our rate is limited, and nobody has said for how long: who waits may ask again after this.
  std::optional<std::chrono::milliseconds> pause = std::nullopt;
};

class AskSink {
 public:
  virtual ~AskSink() = default;
  /// A 2xx, and what to do with its body.
  virtual Disposition on_answer(const ResponseHead& head) = 0;

  // Exactly one of these, once, at the end.
  virtual void on_whole() = 0;
  /// The sink has said abort, or taken no more.
  virtual void on_stopped() = 0;
  virtual void on_failure(AskFailure failure) = 0;
};

/// One question to one endpoint and what it takes to have it answered: the circuit, a token, the
/// redirects and their rules (protocol.md §3.2), a new token where the old one was refused, a new
/// redirect where a signed URL was. No retries. Loop thread only; destroying it cancels it.
///
///   start → login → (wait for a token) → send → 2xx: the sink's
///             ↑  ↑                         ├─ 401, 403, 404 of the endpoint: another login
///             │  └─────────────────────────┼─ 3xx: next hop
///             └────────────────────────────┴─ 401, 403 of a hop: back to the endpoint, twice
class Ask : private TransferSink, private LoginSink {
 public:
  /// `endpoint` and `sink` outlive this.
  Ask(Endpoint& endpoint, AskRequest request, AskSink& sink);
  ~Ask() override;
  Ask(const Ask&) = delete;
  Ask& operator=(const Ask&) = delete;

  /// Begins. May call the sink before it returns (a circuit is open).
  void start();
  /// Since the request that has no answer yet was sent; nullopt while none is on the wire.
  std::optional<std::chrono::nanoseconds> waited() const;
  /// See cache::Fetch::hold().
  void hold(bool on) {
    if (transfer_) transfer_->hold(on);
  }
  /// See cache::Fetch::wanted_by().
  void wanted_by(cache::Client client);

 private:
  Disposition on_head(const ResponseHead& head) override;
  void on_end(const TransferEnd& end) override;
  const cache::Demand* login_demand() const override { return request_.demand; }
  const std::vector<cache::Client>& login_clients() const override { return clients_; }

  // Steps. Each ends by sending, by waiting, or by telling the sink; nothing follows a step.
  void on_login() override { send(); }
  void on_answer_stands() override;
  void on_no_token(cache::Failure failure) override;
  void send();
  void answered();
  void redirected();
  void back_to_endpoint();
  void limited(cache::Failure failure, std::string_view reason);
  void try_next_account(cache::Failure failure, std::string_view reason);
  void broken(const TransferEnd& end);
  void fail(cache::Failure failure, std::string_view reason, bool retryable = false);
  void tell_pause(AskFailure& ended) const;

  bool at_endpoint() const { return url_.same_origin(endpoint_.url()); }
  /// The endpoint has led us to where its own rules do not hold: to another origin, or from a list
  /// of referrers to a page of some other kind.
  bool led_away() const {
    return !at_endpoint() || (hops_ > 0 && request_.kind == metrics::Kind::referrers);
  }
  /// `broken`: how it ended without an answer; null: it was answered.
  void settle_circuit(const TransferEnd* broken);
  void learn(int status);
  std::string what() const;

  Endpoint& endpoint_;
  Account* account_ = nullptr;  ///< of the endpoint; from start() on
  const AskRequest request_;
  AskSink& sink_;

  std::vector<cache::Client> clients_;
  Url url_;                       ///< of the current hop
  Login login_;                   ///< what the current hop is sent
  bool circuit_pending_ = false;  ///< admitted, and the circuit not told yet
  std::size_t limited_accounts_ = 0;
  int hops_ = 0;
  int returns_ = 0;

  ResponseHead head_;       ///< of an answer that is not the sink's
  RefusalReason reason_;    ///< in its body
  bool delivered_ = false;  ///< the head went to the sink
  std::chrono::steady_clock::time_point sent_{};
  std::chrono::microseconds waited_{0};  ///< for the first bytes of all answers
  std::unique_ptr<Transfer> transfer_;
};

}  // namespace entrepot::upstream
