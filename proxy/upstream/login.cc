// SPDX-License-Identifier: Apache-2.0
// The sink may destroy this in any call: a call to it is the last thing a function does.
#include "proxy/upstream/login.h"

#include <algorithm>
#include <utility>

#include "proxy/base/secret.h"
#include "proxy/upstream/auth/challenge.h"
#include "proxy/upstream/auth/realm.h"
#include "proxy/upstream/auth/token_fetch.h"
#include "proxy/upstream/transfer/failures.h"

namespace entrepot::upstream {

Login::Login(Endpoint& endpoint, std::string repository, std::string what, LoginSink& sink)
    : endpoint_(endpoint),
      repository_(std::move(repository)),
      what_(std::move(what)),
      sink_(sink) {}

Login::~Login() { wipe(authorization_); }

void Login::begin(Account& account) {
  if (std::exchange(account_, &account) != &account) {
    refused_ = 0;
    basic_refused_ = base_asked_ = false;
    failed_.reset();
  }
  hop_token_ = false;
  if (auto limit = token_limit(); limit && account_->needs_token(repository_))
    return sink_.on_no_token(std::move(*limit));
  const AuthScheme* const known = endpoint_.schemes().of(repository_);
  known == nullptr ? go_bare() : follow(*known, Stage::remembered);
}

void Login::leave() {
  wipe(authorization_);
  key_.reset();
  scheme_.reset();
  serial_ = 0;
  anonymous_ = false;
  stage_ = Stage::bare;
}

void Login::go_bare() {
  leave();
  sink_.on_login();
}

void Login::follow(AuthScheme scheme, Stage stage) {
  leave();
  stage_ = stage;
  scheme_ = std::move(scheme);
  if (scheme_->kind == AuthScheme::Kind::basic) {
    authorization_ = account_->credential()->basic();
    return sink_.on_login();
  }
  if (auto why = choose_key(endpoint_.url())) return no_token(std::move(*why));
  // What has just failed fails again.
  if (failed_ && failed_->key && failed_->key->url.text() == key_->url.text())
    return no_token(failed_->failure);
  ask_token();
}

void Login::ask_token() {
  const auto known = tokens().look(*key_);
  if (known && std::holds_alternative<Grant>(*known)) return use_token(std::get<Grant>(*known));
  if (auto limit = token_limit()) return no_token(std::move(*limit));
  if (known) return no_token(std::get<cache::Failure>(*known));
  if (stage_ != Stage::hop) account_->token_gate().asked(std::chrono::steady_clock::now());
  wait_ = tokens().request(*key_, *this);
}

/// The failure to report while the token server limits the account's rate.
std::optional<cache::Failure> Login::token_limit() const {
  const auto now = std::chrono::steady_clock::now();
  if (stage_ == Stage::hop || !account_->token_gate().closed(now)) return std::nullopt;
  cache::Failure failure{
      cache::FailureKind::rate_limited,
      what_ + ": the token server has limited the rate of " + account_->name() + " (429)"};
  failure.status = 429;
  failure.retry_after =
      std::chrono::ceil<std::chrono::seconds>(account_->token_gate().closed_until() - now);
  return failure;
}

std::optional<cache::Failure> Login::choose_key(const Url& asker) {
  const auto refuse = [this](std::string_view why) { return bad_answer(what_, why, status_); };
  const auto realm = Url::parse_unencoded(scheme_->realm);
  if (!realm) return refuse("its token server is not asked: its URL cannot be used");
  const bool with_credential = stage_ != Stage::hop && account_->credential() != nullptr;
  if (const auto why = realm_refusal(*realm, asker, endpoint_.realm_rules(with_credential)))
    return refuse("its token server " + realm->shown() + " is not asked: " + *why);
  auto url =
      token_url(*realm, scheme_->service,
                scheme_->scope.empty() ? "repository:" + repository_ + ":pull" : scheme_->scope);
  if (!url) return refuse("its token server's URL is too long");
  key_ = TokenKey{.url = std::move(*url),
                  .plain_http = !realm->https(),
                  .private_addresses = endpoint_.private_addresses(*realm),
                  .private_redirects = endpoint_.internal()};
  return std::nullopt;
}

void Login::on_token(const TokenResult& result) {
  const bool for_account = stage_ != Stage::hop;
  if (const auto* failure = std::get_if<cache::Failure>(&result)) {
    if (for_account && failure->kind == cache::FailureKind::rate_limited)
      account_->limit_tokens(*failure, endpoint_.timeouts());
    return no_token(*failure);
  }
  if (for_account) account_->token_gate().let_through(std::chrono::steady_clock::now());
  use_token(std::get<Grant>(result));
}

void Login::use_token(const Grant& grant) {
  // The same token again is too young for another to be of use.
  if (stage_ != Stage::hop && grant.serial == refused_) return sink_.on_answer_stands();
  authorization_ = grant.authorization;
  serial_ = grant.serial;
  anonymous_ = grant.anonymous;
  sink_.on_login();
}

void Login::no_token(cache::Failure failure) {
  // The endpoint may not want now, or for this repository, what it wanted before: the request
  // without a token tells.
  if (stage_ == Stage::challenged && failure.kind == cache::FailureKind::rate_limited)
    account_->note_needs_token(repository_);
  if (stage_ != Stage::remembered || failure.given_up) return sink_.on_no_token(std::move(failure));
  failed_ = NoToken{.scheme = std::move(*scheme_), .key = key_, .failure = std::move(failure)};
  go_bare();
}

std::optional<AuthScheme> Login::scheme_for(std::span<const Challenge> challenges) const {
  auto scheme = choose_scheme(challenges, account_->credential() != nullptr);
  // A password has nothing new to offer.
  if (scheme && scheme->kind == AuthScheme::Kind::basic && basic_refused_) return std::nullopt;
  return scheme;
}

void Login::refused(const ResponseHead& head) {
  status_ = head.status;
  const bool with_token = !authorization_.empty() && key_;
  const bool second = with_token && refused_ != 0;  // one new token for each question
  if (with_token) {
    if (!second) tokens().refused(*key_, serial_);
    refused_ = serial_;
  }
  if (!authorization_.empty() && !key_) basic_refused_ = true;
  const auto challenges = parse_challenges(head.www_authenticate);
  auto scheme = scheme_for(challenges);
  if (!scheme && !choose_scheme(challenges, true)) {
    // Some answer 401 without a challenge (gcr.io): what they said earlier holds.
    if (with_token && !second) return follow(AuthScheme(*scheme_), Stage::challenged);
    const AuthScheme* const known = endpoint_.schemes().of(repository_);
    if (authorization_.empty() && !failed_ && known != nullptr)
      return follow(*known, Stage::challenged);  // learnt meanwhile
    return ask_base();
  }
  if (!scheme || (second && scheme->kind == AuthScheme::Kind::bearer))
    return sink_.on_answer_stands();
  if (failed_ && !failed_->scheme.same_server(*scheme)) forget_failed();
  follow(std::move(*scheme), Stage::challenged);
}

void Login::hidden(const ResponseHead& head) {
  status_ = head.status;
  if (as_account()) return sink_.on_answer_stands();
  if (anonymous_)
    return sink_.on_no_token(
        bad_answer(what_,
                   "answered " + std::to_string(head.status) +
                       " to an anonymous token: its token server redirects to another origin, "
                       "where the credentials are not sent",
                   head.status));
  ask_base();
}

void Login::ask_base() {
  if (std::exchange(base_asked_, true)) return sink_.on_answer_stands();
  if (const auto known = endpoint_.base_challenge().look()) return on_base_answer(*known);
  base_wait_ = endpoint_.base_challenge().request(*this);
}

void Login::on_base_answer(const BaseAnswer& answer) {
  if (auto scheme = scheme_for(answer.challenges)) {
    scheme->scope.clear();  // of another question, if there is one (ghcr.io's is an example)
    return follow(std::move(*scheme), Stage::challenged);
  }
  // It wanted a token before, and does not say that it wants none now.
  if (failed_ && (!answer.answered || status_ == 401)) return sink_.on_no_token(failed_->failure);
  forget_failed();
  sink_.on_answer_stands();
}

void Login::answered(int status) {
  if (status == 401 || status == 403 || status == 429 || status >= 500) return;
  if (stage_ == Stage::challenged) {
    endpoint_.schemes().learn(repository_, *scheme_);
  } else if (stage_ == Stage::bare && (status != 404 || as_account())) {
    forget_failed();
  }
}

/// It gives no token, and is not wanted.
void Login::forget_failed() {
  if (failed_ && failed_->failure.kind != cache::FailureKind::rate_limited)
    endpoint_.schemes().forget(repository_, failed_->scheme);
}

void Login::refused_by_hop(const Url& hop, const ResponseHead& head) {
  status_ = head.status;
  auto scheme = choose_scheme(parse_challenges(head.www_authenticate), false);
  if (!scheme || std::exchange(hop_token_, true)) return sink_.on_answer_stands();
  leave();
  stage_ = Stage::hop;
  scheme_ = std::move(scheme);
  if (auto why = choose_key(hop)) return sink_.on_no_token(std::move(*why));
  ask_token();
}

void Login::wanted_by(cache::Client client) {
  if (wait_) wait_->wanted_by(client);
}

}  // namespace entrepot::upstream
