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

void EndpointTrial::add(std::string step, TrialJudgement judged) {
  results_.push_back({std::move(step), judged.good, std::move(judged.text)});
}

void EndpointTrial::on_base_answer(const upstream::BaseAnswer& answer) {
  pull_.base = answer;
  add("connection", judge_connection(answer, pull_.mirror));
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
  const upstream::Account& account = *accounts_[tried_accounts_++];
  const std::string& why = endpoint_.account_checks().of(account).why();
  add("account " + account.credential()->username, judge_account(verdict, why));
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
  add("pull", judge_pull(pull_));
  end();
}

void EndpointTrial::end() {
  phase_.enter(TrialPhase::ended);
  done_(std::exchange(results_, {}));
}

}  // namespace entrepot::app
