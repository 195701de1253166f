// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/online_check/endpoint_trial.h"

#include <utility>

#include "proxy/upstream/wire/media_type.h"

namespace entrepot::app {
namespace {

constexpr std::string_view page_text =
    "answers with an HTML page: the login page of a network, or a web site; check the endpoint's "
    "url, which must not have the /v2/ of the registry's API";

/// Some registries refuse HEAD (docs/design/endpoints.md), and answer like one all the same.
bool refuses_head(int status) { return status == 400 || status == 405 || status == 501; }

std::string answers(int status) { return "answers " + std::to_string(status); }

}  // namespace

EndpointTrial::EndpointTrial(upstream::Upstream& tried, Done done)
    : endpoint_(*tried.endpoints().front()),
      done_(std::move(done)),
      accounts_(endpoint_.accounts().with_credential()) {
  endpoint_.multi().loop().assert_in_loop();
  phase_.enter(TrialPhase::connection);
  base_wait_ = endpoint_.base_challenge().request(*this);
}

void EndpointTrial::add(std::string step, bool good, std::string text) {
  results_.push_back({std::move(step), good, std::move(text)});
}

void EndpointTrial::on_base_answer(const upstream::BaseAnswer& answer) {
  const auto fail = [&](std::string text) {
    add("connection", false, std::move(text));
    end();
  };
  if (answer.status == 0) return fail(answer.failure);
  if (answer.page && answer.status == 200) return fail(std::string(page_text));
  if (!answer.answered)
    return fail(answers(answer.status) + " to /v2/, not as a registry does; ask again later");
  add("connection", true, answers(answer.status) + " to /v2/");
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
  const std::string step = "account " + account.credential()->username;
  switch (verdict) {
    case upstream::AccountVerdict::accepted:
      add(step, true, "accepted");
      break;
    case upstream::AccountVerdict::refused:
    case upstream::AccountVerdict::forbidden:
    case upstream::AccountVerdict::everybody:
      add(step, false, "refused: " + why + "; correct its username or its password_file");
      break;
    case upstream::AccountVerdict::untold:
      add(step, true, "/v2/ needs no login, so nothing shows whether it is accepted");
      break;
    case upstream::AccountVerdict::unanswered:
      add(step, false,
          "its login got no answer that tells" + (why.empty() ? "" : ": " + why) +
              "; check the token server, and token_hosts");
      break;
  }
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
  pull_status_ = head.status;
  page_ = upstream::is_page(head);
  return upstream::Disposition::discard;
}

bool EndpointTrial::on_data(upstream::EndpointRequest& /*request*/,
                            std::span<const std::byte> /*data*/) {
  return false;
}

void EndpointTrial::on_end(upstream::EndpointRequest& /*request*/, upstream::RequestResult result) {
  const std::string name = std::string(repository) + ":" + std::string(tag);
  const cache::Failure& failure = result.failure.failure;
  if (result.kind == upstream::RequestResult::Kind::complete) {
    add("pull", !page_, page_ ? std::string(page_text) : answers(pull_status_) + " for " + name);
  } else if (cache::is_definitive(failure.kind) || refuses_head(failure.status)) {
    add("pull", true,
        answers(failure.status) + " for " + name + ", as a registry may that does not have it");
  } else {
    add("pull", false, failure.message);
  }
  end();
}

void EndpointTrial::end() {
  phase_.enter(TrialPhase::ended);
  done_(std::exchange(results_, {}));
}

}  // namespace entrepot::app
