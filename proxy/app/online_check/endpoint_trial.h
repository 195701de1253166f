// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/phase_variable.h"
#include "proxy/app/online_check/trial_rules.h"
#include "proxy/upstream/endpoint/account_check.h"
#include "proxy/upstream/endpoint_request.h"
#include "proxy/upstream/upstream.h"

namespace entrepot::app {

/// State of an EndpointTrial: each phase is a step, in this order; `account` comes once for each
/// account, perhaps never.
enum class TrialPhase : std::uint8_t { created, connection, account, pull, ended };

/// True when a phase may follow another one. Pure; any thread.
constexpr bool may_follow(TrialPhase from, TrialPhase to) {
  return to > from || (from == TrialPhase::account && to == TrialPhase::account);
}

constexpr std::string_view to_string(TrialPhase phase) {
  using enum TrialPhase;
  switch (phase) {
    case created:
      return "created";
    case connection:
      return "connection";
    case account:
      return "account";
    case pull:
      return "pull";
    case ended:
      return "ended";
  }
  return "unknown";
}

constexpr std::string_view machine_of(TrialPhase) { return "the trial of an endpoint"; }

/// The result of one step.
struct TrialResult {
  std::string step;  ///< "connection", "account robot", "pull"
  bool good = false;
  std::string text;  ///< the response, and the remedy if it is not good; no secret
};

/// Tries the first endpoint of an upstream: requests its /v2/ (name, connection, certificate), logs
/// each account in, and requests the head of a manifest, which need not exist. Ends after a
/// connection that is not good. Loop thread only; destroying it ends it without a call.
class EndpointTrial : private upstream::BaseChallenge::Sink,
                      private upstream::AccountCheck::Sink,
                      private upstream::RequestSink {
 public:
  /// Called once, from the top level of the loop. Must not destroy the trial.
  using Done = std::function<void(std::vector<TrialResult> results)>;

  /// The repository and the tag of the manifest: small, and most public registries answer for it.
  static constexpr std::string_view repository = "library/hello-world";
  static constexpr std::string_view tag = "latest";

  /// `tried` outlives this.
  EndpointTrial(upstream::Upstream& tried, Done done);
  EndpointTrial(const EndpointTrial&) = delete;
  EndpointTrial& operator=(const EndpointTrial&) = delete;

  /// The results so far, and one that is not good for the step that has none yet, with this text.
  /// REQUIRES: Done was not called, and the loop has ended. The last call.
  std::vector<TrialResult> give_up(std::string text);

 private:
  void on_base_answer(const upstream::BaseAnswer& answer) override;
  void on_account_verdict(upstream::AccountVerdict verdict) override;
  upstream::Disposition on_head(upstream::EndpointRequest& request,
                                const upstream::ResponseHead& head) override;
  bool on_data(upstream::EndpointRequest& request, std::span<const std::byte> data) override;
  void on_end(upstream::EndpointRequest& request, upstream::RequestResult result) override;

  std::string step() const;
  void next_account();
  void pull();
  void add(TrialJudgement judged);
  void end();

  upstream::Endpoint& endpoint_;
  const Done done_;
  PhaseVariable<TrialPhase> phase_{TrialPhase::created};
  std::vector<TrialResult> results_;
  const std::vector<upstream::Account*> accounts_;
  std::size_t tried_accounts_ = 0;
  PullEvidence pull_;
  std::unique_ptr<upstream::BaseChallenge::Wait> base_wait_;
  std::unique_ptr<upstream::AccountCheck::Wait> account_wait_;
  std::unique_ptr<upstream::EndpointRequest> request_;
};

}  // namespace entrepot::app
