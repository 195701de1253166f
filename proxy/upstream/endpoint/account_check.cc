// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/account_check.h"

#include <utility>
#include <variant>

#include "proxy/base/secret.h"
#include "proxy/upstream/endpoint/token_request.h"
#include "proxy/upstream/transfer/failures.h"

namespace entrepot::upstream {

using Clock = std::chrono::steady_clock;

namespace {

/// The response of a token server that has not accepted the password.
std::string phrase_of(const TokenFetch::Result& result) {
  if (result.anonymous) return "its token server redirects to where no password is sent";
  const int status = result.failure->status;
  if (status == 0) return "its token server gave no response";
  if (status == 200) return "its token server answered 200 without a token";
  return "its token server answered " + std::to_string(status);
}

}  // namespace

AccountCheck::AccountCheck(const Parts& parts, Account& account, Changed changed)
    : parts_(parts), account_(account), changed_(std::move(changed)) {}

AccountCheck::~AccountCheck() {
  if (!phase_.is(AccountCheckPhase::idle) && !phase_.is(AccountCheckPhase::elsewhere))
    account_.record().abandon_check();
}

std::unique_ptr<AccountCheck::Wait> AccountCheck::request(Sink& sink, const AuthScheme* tried,
                                                          AccountRecord::Time since) {
  parts_.multi.loop().assert_in_loop();
  auto wait = waiters_.add(sink);
  if (phase_.is(AccountCheckPhase::idle)) begin(tried, since);
  return wait;
}

void AccountCheck::maintain() {
  parts_.multi.loop().assert_in_loop();
  if (phase_.is(AccountCheckPhase::idle) && account_.record().begin_due_check(Clock::now()))
    request_base_challenge();
}

void AccountCheck::record_changed() {
  if (!phase_.is(AccountCheckPhase::elsewhere) || account_.record().checking()) return;
  phase_.enter(AccountCheckPhase::idle);
  if (waiters_.empty()) return;
  // Without a verdict the other check was given up.
  const auto verdict = account_.record().known(Clock::now());
  if (!verdict) return begin(nullptr, {});
  waiters_.deliver_present([&](Sink& sink) { sink.on_account_verdict(*verdict); });
}

void AccountCheck::begin(const AuthScheme* tried, AccountRecord::Time since) {
  // A check that runs by itself knows no request, and uses the scheme of the one before.
  if (tried != nullptr) tried_ = *tried;
  if (!account_.record().begin_check(Clock::now(), since))
    return phase_.enter(AccountCheckPhase::elsewhere);
  request_base_challenge();
}

void AccountCheck::request_base_challenge() {
  phase_.enter(AccountCheckPhase::challenge);
  evidence_ = {.mirror = parts_.address.mirror()};
  why_.clear();
  // Also if the answer is remembered: a verdict comes from the top level of the loop.
  base_wait_ = parts_.base_challenge.request(*this);
}

void AccountCheck::on_base_answer(const BaseAnswer& answer) {
  base_wait_.reset();
  evidence_.anonymous_status = answer.status;
  auto scheme = choose_scheme(answer.challenges, true);
  if (!scheme) scheme = tried_;
  // A mirror names none: see Login.
  if (!scheme && parts_.address.mirror()) scheme = AuthScheme{AuthScheme::Kind::basic, {}, {}, {}};
  if (!scheme) {
    if (!answer.answered) evidence_.base_status = 0;
    return finish();
  }
  if (scheme->kind == AuthScheme::Kind::basic) return request_base(account_.credential()->basic());
  scheme->scope.clear();  // of another question, if there is one
  request_token(*scheme);
}

void AccountCheck::request_token(const AuthScheme& scheme) {
  auto key = token_request(
      parts_.address, scheme,
      {.asker = parts_.address.url(), .with_credential = true, .scope = std::string()});
  const bool closed = account_.token_gate().closed(Clock::now());
  if (closed || std::holds_alternative<std::string>(key)) {
    evidence_.token_status = 0;
    return finish();
  }
  phase_.enter(AccountCheckPhase::token);
  const auto& known = std::get<TokenKey>(key);
  token_ = std::make_unique<TokenFetch>(
      parts_.multi,
      TokenFetch::Request{.url = known.url,
                          .plain_http = known.plain_http,
                          .private_addresses = known.private_addresses,
                          .private_redirects = known.private_redirects,
                          .credential = account_.credential(),
                          .upstream = parts_.address.upstream()},
      [this](TokenFetch::Result result) { on_token(std::move(result)); });
}

void AccountCheck::on_token(TokenFetch::Result result) {
  const std::unique_ptr<TokenFetch> ended = std::move(token_);
  // A token for the anonymous user says nothing about the password.
  if (result.failure || result.anonymous) {
    evidence_.token_status = result.failure ? result.failure->status : 0;
    evidence_.page = result.page;
    why_ = phrase_of(result);
    return finish();
  }
  evidence_.token_status = 200;
  evidence_.granted = true;
  request_base("Bearer " + result.reply->token);
  wipe(result.reply->token);
}

void AccountCheck::request_base(std::string authorization) {
  phase_.enter(AccountCheckPhase::base);
  TransferRequest request{.url = parts_.address.of("/v2/")};
  request.headers.push_back("Authorization: " + authorization);
  wipe(authorization);
  request.plain_http = parts_.address.plain_http();
  request.private_addresses = true;  // it is the endpoint's own origin
  request.urgent = true;
  evidence_.base_status = 0;
  TransferSink& self = *this;
  transfer_ = parts_.multi.start(std::move(request), self);
}

Disposition AccountCheck::on_head(const ResponseHead& head) {
  parts_.metrics.request(metrics::Kind::ping, head.status);
  evidence_.base_status = head.status;
  evidence_.page = is_page(head);
  why_ = "it answered " + std::to_string(head.status) + " to GET /v2/ with its login";
  return Disposition::discard;
}

void AccountCheck::on_end(const TransferEnd& /*end*/) {
  const std::unique_ptr<Transfer> ended = std::move(transfer_);
  finish();
}

void AccountCheck::finish() {
  phase_.enter(AccountCheckPhase::idle);
  const AccountVerdict verdict = judge(evidence_);
  if (account_.record().end_check(verdict, Clock::now())) changed_(account_, why_);
  waiters_.deliver_present([&](Sink& sink) { sink.on_account_verdict(verdict); });
}

}  // namespace entrepot::upstream
