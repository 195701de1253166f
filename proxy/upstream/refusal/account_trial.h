// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cache/base/failure.h"
#include "metrics/reasons.h"
#include "proxy/upstream/account/account_verdict.h"
#include "proxy/upstream/auth/auth_scheme.h"
#include "proxy/upstream/endpoint/endpoint.h"

namespace entrepot::upstream {

/// A refusal, by the endpoint or by its token server.
struct Refusal {
  cache::Failure failure;
  EndpointFailure reason = EndpointFailure::denied;
};

/// Decides whose fault the refusals of one request are, by a check of the refused account's login:
///
///   the account's      → another account, which may be the anonymous user
///   the repository's   → the refusal is the result
///   nothing shows it   → the anonymous user is the last resort; if it is refused as well, the
///                        refusal of the account is the result (take_refusal)
///
/// Loop thread only; destroying it ends all calls.
class AccountTrial : private VerdictSink {
 public:
  struct Result {
    /// The request may succeed as this account of the endpoint: it is to be sent again. Null: the
    /// refusal is the result of the request.
    Account* account = nullptr;
    Refusal refusal = {};
  };
  /// Receives the result, from within begin() too. May destroy the trial.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void on_trial(Result result) = 0;
  };

  /// `endpoint` and `sink` outlive this. `repository`: that of the request.
  AccountTrial(Endpoint& endpoint, std::string repository, Sink& sink)
      : endpoint_(endpoint), repository_(std::move(repository)), sink_(sink) {}

  /// `account` was refused. `tried`: the scheme of its
  /// login (Login::tried); `what`: the request. Ends in one call to the sink.
  void begin(Account& account, const AuthScheme* tried, std::string what, Refusal refusal);
  /// The refusal that is the result if the anonymous user, as the last resort, fails as well;
  /// nullopt where it is none.
  std::optional<Refusal> take_refusal() { return std::exchange(refusal_, std::nullopt); }

 private:
  void on_account_verdict(AccountVerdict verdict) override;
  void wait_for_check();

  Endpoint& endpoint_;
  const std::string repository_;
  Sink& sink_;

  Account* account_ = nullptr;
  std::optional<AuthScheme> tried_;
  std::string what_;
  std::optional<Refusal> refusal_;
  /// An `accepted` of a check that began earlier does not count.
  std::chrono::steady_clock::time_point from_;
  std::size_t refused_accounts_ = 0;
  std::unique_ptr<VerdictWait> wait_;
};

}  // namespace entrepot::upstream
