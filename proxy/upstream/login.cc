// SPDX-License-Identifier: Apache-2.0
// The sink may destroy this in any call: a call to it is the last thing a function does.
#include "proxy/upstream/login.h"

#include <algorithm>
#include <utility>

#include "proxy/base/secret.h"
#include "proxy/upstream/auth/challenge.h"
#include "proxy/upstream/endpoint/token_request.h"
#include "proxy/upstream/transfer/failures.h"

namespace entrepot::upstream {
namespace {

using Clock = std::chrono::steady_clock;

/// It names no login, and does not say that none is needed.
bool hides_login(const BaseAnswer& answer) {
  return !answer.answered || answer.status == 403 ||
         (answer.status == 401 && !choose_scheme(answer.challenges, true));
}

PasswordEnd end_of(const TokenResult& result) {
  if (const auto* grant = std::get_if<Grant>(&result))
    return grant->anonymous ? PasswordEnd::unanswered : PasswordEnd::accepted;
  const auto& failure = std::get<cache::Failure>(result);
  if (failure.given_up) return PasswordEnd::abandoned;
  if (failure.kind != cache::FailureKind::denied) return PasswordEnd::unanswered;
  return failure.status == 403 ? PasswordEnd::forbidden : PasswordEnd::refused;
}

/// The account has what the scheme needs.
bool can_follow(const Account& account, const AuthScheme& scheme) {
  return scheme.kind == AuthScheme::Kind::bearer || account.credential() != nullptr;
}

LoginResult refusal_stands() { return {.kind = LoginResult::Kind::refusal_stands}; }

/// The scheme to follow; nullopt if none of the challenges can be met.
std::optional<AuthScheme> usable_scheme(std::span<const Challenge> challenges,
                                        bool have_credentials, bool password_refused) {
  auto scheme = choose_scheme(challenges, have_credentials);
  // A refused password would be refused again.
  if (scheme && scheme->kind == AuthScheme::Kind::basic && password_refused) return std::nullopt;
  return scheme;
}

}  // namespace

void Waiters::add(cache::Client client) {
  if (clients.size() >= TransferRequest::most_clients) return;
  if (std::ranges::find(clients, client) == clients.end()) clients.push_back(client);
}

Login::Login(Endpoint& endpoint, std::string repository, std::string what, const Waiters& waiters,
             LoginSink& sink)
    : endpoint_(endpoint),
      repository_(std::move(repository)),
      what_(std::move(what)),
      waiters_(waiters),
      sink_(sink),
      turn_(endpoint.multi().loop().base(), password_wait(endpoint.timeouts()),
            endpoint.account_checks(), *this) {}

Login::~Login() { wipe(sent_.authorization); }

void Login::begin(Account& account) {
  endpoint_.multi().loop().assert_in_loop();
  if (std::exchange(account_, &account) != &account) {
    refused_ = 0;
    basic_refused_ = base_known_ = false;
    failed_.reset();
  }
  hop_token_ = false;
  turn_.drop();
  const TokenGate& gate = account_->token_gate();
  if (gate.needs_token(repository_)) {
    if (auto limit = gate.refusal(what_, Clock::now()))
      return sink_.on_login({.kind = LoginResult::Kind::no_token, .failure = std::move(*limit)});
  }
  const AuthScheme* const known = endpoint_.schemes().of(repository_);
  if (known != nullptr && can_follow(*account_, *known)) return follow(*known, Stage::remembered);
  // A mirror challenges nobody on such a path, because engines would answer with the account of the
  // registry.
  if (account_->credential() != nullptr && endpoint_.address().mirror())
    return follow({AuthScheme::Kind::basic, {}, {}, {}}, Stage::remembered);
  leave();
  sink_.on_login({.kind = LoginResult::Kind::send});
}

void Login::leave() {
  endpoint_.multi().loop().assert_in_loop();
  wipe(sent_.authorization);
  key_.reset();
  scheme_.reset();
  sent_.serial = 0;
  sent_.anonymous = false;
  stage_ = Stage::bare;
}

void Login::follow(AuthScheme scheme, Stage stage) {
  leave();
  stage_ = stage;
  scheme_ = std::move(scheme);
  if (scheme_->kind == AuthScheme::Kind::bearer) return request_token(endpoint_.address().url());
  if (!my_turn()) return;
  sent_.authorization = account_->credential()->basic();
  sink_.on_login({.kind = LoginResult::Kind::send});
}

bool Login::my_turn() {
  switch (turn_.take(*account_, *scheme_)) {
    case PasswordTurn::Answer::go:
      return true;
    case PasswordTurn::Answer::wait:
      return false;
    case PasswordTurn::Answer::refused:
      break;
  }
  auto failure = bad_answer(what_, "it refuses the account", 401);
  failure.kind = cache::FailureKind::denied;
  sink_.on_login({.kind = LoginResult::Kind::no_token, .failure = std::move(failure)});
  return false;
}

void Login::on_password_turn() { follow(AuthScheme(*scheme_), stage_); }

/// Requests the token of scheme_, whose token server `asker` named.
void Login::request_token(const Url& asker) {
  auto key =
      token_request(endpoint_.address(), *scheme_,
                    {.asker = asker,
                     .with_credential = stage_ != Stage::hop && account_->credential() != nullptr,
                     .scope = "repository:" + repository_ + ":pull"});
  if (const auto* why = std::get_if<std::string>(&key))
    return no_token(bad_answer(what_, *why, status_));
  key_ = std::get<TokenKey>(std::move(key));
  // A request that failed just now would fail again.
  const bool same = failed_ && failed_->key && failed_->key->url.text() == key_->url.text();
  if (same && stage_ != Stage::hop) return no_token(failed_->failure);
  const auto known = tokens().look(*key_);
  if (known && std::holds_alternative<Grant>(*known)) return use_token(std::get<Grant>(*known));
  if (stage_ != Stage::hop) {
    auto limit = account_->token_gate().refusal(what_, Clock::now());
    if (limit) return no_token(std::move(*limit));
  }
  if (known) return no_token(std::get<cache::Failure>(*known));
  if (stage_ != Stage::hop) {
    if (account_->credential() != nullptr && !my_turn()) return;
    account_->token_gate().sent(Clock::now());
  }
  wait_ = tokens().request(*key_, *this);
}

void Login::on_token(const TokenResult& result) {
  const bool for_account = stage_ != Stage::hop;
  turn_.ended(end_of(result));
  if (const auto* failure = std::get_if<cache::Failure>(&result)) {
    if (for_account && failure->kind == cache::FailureKind::rate_limited)
      account_->token_gate().limited(*failure, endpoint_.timeouts());
    return no_token(*failure);
  }
  if (for_account) account_->token_gate().let_through(Clock::now());
  use_token(std::get<Grant>(result));
}

void Login::use_token(const Grant& grant) {
  sent_ = grant;
  // The same token again is too young for another to be of use.
  if (stage_ != Stage::hop && grant.serial == refused_) return sink_.on_login(refusal_stands());
  sink_.on_login({.kind = LoginResult::Kind::send});
}

void Login::no_token(cache::Failure failure) {
  if (stage_ == Stage::challenged && failure.kind == cache::FailureKind::rate_limited)
    account_->token_gate().note_needs_token(repository_);
  // The endpoint may not want now, or for this repository, the scheme that it wanted before: the
  // request without a token shows it.
  if (stage_ != Stage::remembered || failure.given_up)
    return sink_.on_login({.kind = LoginResult::Kind::no_token, .failure = std::move(failure)});
  failed_ = NoToken{.scheme = std::move(*scheme_), .key = key_, .failure = std::move(failure)};
  leave();
  sink_.on_login({.kind = LoginResult::Kind::send});
}

void Login::refused(const ResponseHead& head) {
  endpoint_.multi().loop().assert_in_loop();
  status_ = head.status;
  if (!key_) turn_.ended(PasswordEnd::refused);
  const bool with_token = !sent_.authorization.empty() && key_;
  const bool second = with_token && refused_ != 0;  // one new token for each question
  if (with_token) {
    if (!second) tokens().refused(*key_, sent_.serial);
    refused_ = sent_.serial;
  }
  if (!sent_.authorization.empty() && !key_) basic_refused_ = true;
  const auto challenges = parse_challenges(head.www_authenticate);
  auto scheme = usable_scheme(challenges, account_->credential() != nullptr, basic_refused_);
  if (!scheme && !choose_scheme(challenges, true)) {
    // Some answer 401 without a challenge (gcr.io): what they said earlier holds.
    if (with_token && !second) return follow(AuthScheme(*scheme_), Stage::challenged);
    const AuthScheme* const known = endpoint_.schemes().of(repository_);
    if (sent_.authorization.empty() && !failed_ && known != nullptr &&
        can_follow(*account_, *known))
      return follow(*known, Stage::challenged);  // learnt meanwhile
    return request_base_challenge();
  }
  if (!scheme || (second && scheme->kind == AuthScheme::Kind::bearer))
    return sink_.on_login(refusal_stands());
  if (failed_ && !failed_->scheme.same_server(*scheme)) forget_failed();
  follow(std::move(*scheme), Stage::challenged);
}

void Login::hidden(const ResponseHead& head) {
  endpoint_.multi().loop().assert_in_loop();
  status_ = head.status;
  if (as_account()) return sink_.on_login(refusal_stands());
  if (sent_.anonymous)
    return sink_.on_login(
        {.kind = LoginResult::Kind::no_token,
         .failure =
             bad_answer(what_,
                        "answered " + std::to_string(head.status) +
                            " to an anonymous token: its token server redirects to another origin, "
                            "where the credentials are not sent",
                        head.status)});
  request_base_challenge();
}

void Login::request_base_challenge() {
  if (std::exchange(base_known_, true)) return sink_.on_login(refusal_stands());
  if (const auto known = endpoint_.base_challenge().look()) return on_base_answer(*known);
  base_wait_ = endpoint_.base_challenge().request(*this);
}

void Login::on_base_answer(const BaseAnswer& answer) {
  if (auto scheme =
          usable_scheme(answer.challenges, account_->credential() != nullptr, basic_refused_)) {
    scheme->scope.clear();  // of another question, if there is one (ghcr.io's is an example)
    return follow(std::move(*scheme), Stage::challenged);
  }
  // It wanted a token before, and does not say that it wants none now.
  if (failed_ && (!answer.answered || status_ == 401))
    return sink_.on_login({.kind = LoginResult::Kind::no_token, .failure = failed_->failure});
  forget_failed();
  if (account_->credential() != nullptr && sent_.authorization.empty() && hides_login(answer)) {
    const bool missing = status_ == 404 && !answer.answered;
    return sink_.on_login(
        {.kind = missing ? LoginResult::Kind::login_unknown : LoginResult::Kind::account_unsent});
  }
  sink_.on_login(refusal_stands());
}

void Login::answered(int status) {
  endpoint_.multi().loop().assert_in_loop();
  if (!key_ && status != 401) {  // of a password; see refused()
    // A mirror refuses a wrong password by 403.
    const bool forbidden = status == 403 && endpoint_.address().mirror();
    turn_.ended(status < 400 ? PasswordEnd::accepted
                : forbidden  ? PasswordEnd::forbidden
                             : PasswordEnd::unanswered);
  }
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
  endpoint_.multi().loop().assert_in_loop();
  status_ = head.status;
  auto scheme = choose_scheme(parse_challenges(head.www_authenticate), false);
  if (!scheme || std::exchange(hop_token_, true)) return sink_.on_login(refusal_stands());
  leave();
  stage_ = Stage::hop;
  scheme_ = std::move(scheme);
  request_token(hop);
}

void Login::wanted_by(cache::Client client) {
  endpoint_.multi().loop().assert_in_loop();
  if (wait_) wait_->wanted_by(client);
}

}  // namespace entrepot::upstream
