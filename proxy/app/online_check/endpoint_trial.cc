// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/online_check/endpoint_trial.h"

#include <utility>

#include "proxy/upstream/wire/media_type.h"

namespace entrepot::app {

EndpointTrial::EndpointTrial(upstream::Upstream& tried, Done done)
    : endpoint_(*tried.endpoints().front()),
      done_(std::move(done)),
      accounts_(endpoint_.accounts().with_credential()) {
  pull_.name = std::string(repository) + ":" + std::string(tag);
  pull_.mirror = endpoint_.address().mirror();
  pull_.has_account = !accounts_.empty();
  endpoint_.multi().loop().assert_in_loop();
  phase_.enter(TrialPhase::connection);
  base_wait_ = endpoint_.base_challenge().request(*this);
}

/// The name of the present one.
std::string EndpointTrial::step() const {
  if (!phase_.is(TrialPhase::account)) return std::string(to_string(phase_.get()));
  return "account " + accounts_[tried_accounts_]->credential()->username;
}

void EndpointTrial::add(TrialJudgement judged) {
  results_.push_back({step(), judged.good, std::move(judged.text)});
}

std::vector<TrialResult> EndpointTrial::give_up(std::string text) {
  add({.good = false, .text = std::move(text)});
  return std::exchange(results_, {});
}

void EndpointTrial::on_base_answer(const upstream::BaseAnswer& answer) {
  pull_.base = answer;
  add(judge_connection(answer, pull_.mirror));
  if (!results_.back().good) return end();
  next_account();
}

void EndpointTrial::next_account() {
  if (tried_accounts_ == accounts_.size()) return pull();
  phase_.enter(TrialPhase::account);
  upstream::Account& account = *accounts_[tried_accounts_];
  account_wait_ = endpoint_.account_checks().of(account).request(*this, nullptr);
}

void EndpointTrial::on_account_verdict(upstream::AccountVerdict verdict) {
  const std::string& why = endpoint_.account_checks().of(*accounts_[tried_accounts_]).why();
  add(judge_account(verdict, why));
  ++tried_accounts_;
  next_account();
}

void EndpointTrial::pull() {
  phase_.enter(TrialPhase::pull);
  upstream::RequestSpec spec{.kind = metrics::Kind::manifest,
                             .head = true,
                             .repository = std::string(repository),
                             .url = endpoint_.address().of("/v2/" + std::string(repository) +
                                                           "/manifests/" + std::string(tag)),
                             .headers = {"Accept: " + std::string(upstream::manifest_accept)}};
  upstream::RequestSink& self = *this;
  request_ = std::make_unique<upstream::EndpointRequest>(endpoint_, std::move(spec), self);
  request_->start();
}

upstream::Disposition EndpointTrial::on_head(upstream::EndpointRequest& /*request*/,
                                             const upstream::ResponseHead& head) {
  pull_.head = head;
  return upstream::Disposition::discard;
}

bool EndpointTrial::on_data(upstream::EndpointRequest& /*request*/,
                            std::span<const std::byte> /*data*/) {
  return false;
}

void EndpointTrial::on_end(upstream::EndpointRequest& /*request*/, upstream::RequestResult result) {
  if (result.kind != upstream::RequestResult::Kind::complete) pull_.head.reset();
  pull_.failure = std::move(result.failure);
  add(judge_pull(pull_));
  end();
}

void EndpointTrial::end() {
  phase_.enter(TrialPhase::ended);
  done_(std::exchange(results_, {}));
}

}  // namespace entrepot::app
