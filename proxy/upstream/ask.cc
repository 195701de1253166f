// SPDX-License-Identifier: Apache-2.0
// The sink may destroy this in any call: a call to it is the last thing a function does.
#include "proxy/upstream/ask.h"

#include <algorithm>
#include <utility>

#include "proxy/upstream/challenge.h"
#include "proxy/upstream/failures.h"
#include "proxy/upstream/realm.h"
#include "proxy/upstream/token_fetch.h"

namespace entrepot::upstream {
namespace {

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

Ask::Ask(Endpoint& endpoint, AskRequest request, AskSink& sink)
    : endpoint_(endpoint),
      request_(std::move(request)),
      sink_(sink),
      clients_(request_.clients),
      url_(request_.url) {}

Ask::~Ask() {
  if (circuit_pending_) endpoint_.abandoned();
  wipe(authorization_);
}

void Ask::start() {
  if (auto failure = endpoint_.admit()) {
    fail(std::move(*failure), {});
    return;
  }
  circuit_pending_ = true;
  account_ = &endpoint_.account_for(request_.repository);
  authorize();
}

void Ask::settle_circuit(const TransferEnd* broken) {
  if (!std::exchange(circuit_pending_, false)) return;
  if (broken == nullptr) {
    endpoint_.answered();
  } else {
    endpoint_.failed(broken->detail);
  }
}

Tokens& Ask::tokens() { return at_endpoint() ? account_->tokens() : endpoint_.anonymous_tokens(); }

void Ask::authorize() {
  wipe(authorization_);
  if (at_endpoint()) {
    key_.reset();
    const AuthScheme* scheme = endpoint_.scheme();
    if (scheme != nullptr && scheme->kind == AuthScheme::Kind::basic) {
      authorization_ = account_->credential()->basic();
    } else if (scheme != nullptr) {
      if (!choose_key(*scheme, endpoint_.url())) return;
    }
  }
  if (!key_) {
    send();
  } else if (const auto known = tokens().look(*key_)) {
    use_token(*known);
  } else {
    wait_ = tokens().request(*key_, *this);
  }
}

/// False when the realm must not be asked: the sink has been told, and this may be gone.
bool Ask::choose_key(const AuthScheme& scheme, const Url& asker) {
  const auto refuse = [this](std::string_view why) {
    fail(bad_answer(what(), why, head_.status), "token");
    return false;
  };
  const auto realm = Url::parse(scheme.realm);
  if (!realm) return refuse("its token server is not asked: its URL cannot be used");
  const bool with_credential = at_endpoint() && account_->credential() != nullptr;
  if (const auto why = realm_refusal(*realm, asker, endpoint_.realm_rules(with_credential)))
    return refuse("its token server " + realm->shown() + " is not asked: " + *why);
  auto url = token_url(
      *realm, scheme.service,
      scheme.scope.empty() ? "repository:" + request_.repository + ":pull" : scheme.scope);
  if (!url) return refuse("its token server's URL is too long");
  key_ = TokenKey{.url = std::move(*url),
                  .plain_http = !realm->https(),
                  .private_addresses = endpoint_.private_addresses(*realm)};
  return true;
}

void Ask::on_token(const TokenResult& result) { use_token(result); }

void Ask::use_token(const TokenResult& result) {
  if (const auto* failure = std::get_if<cache::Failure>(&result)) {
    if (failure->given_up) return fail(*failure, {});
    // What another repository was asked for may not be wanted of this one: a 401 says whether it
    // is. With a credential the anonymous user's answer, a 404 perhaps, would be taken for ours.
    if (at_endpoint() && !challenged_ && account_->credential() == nullptr) return send();
    if (failure->kind == cache::FailureKind::rate_limited && at_endpoint())
      return limited(*failure, "token");
    const bool retryable = failure->kind == cache::FailureKind::unavailable;
    if (retryable) endpoint_.knowledge().faulty(std::chrono::steady_clock::now());
    fail(*failure, "token", retryable);
    return;
  }
  const Grant& grant = std::get<Grant>(result);
  if (at_endpoint() && grant.serial == refused_) {
    // The same token again: it is too young for another to be of use.
    fail(status_failure(what(), head_, std::chrono::system_clock::now()), "denied");
    return;
  }
  authorization_ = grant.authorization;
  serial_ = grant.serial;
  send();
}

void Ask::send() {
  TransferRequest transfer{.url = url_,
                           .head = request_.head,
                           .repository = request_.repository,
                           .headers = request_.headers};
  transfer.plain_http = endpoint_.plain_http();
  transfer.private_addresses = endpoint_.private_addresses(url_);
  if (!authorization_.empty()) {
    transfer.headers.push_back("Authorization: " + authorization_);
  }
  transfer.clients = clients_;
  transfer.demand = request_.demand;
  if (at_endpoint()) {
    if (auto via = endpoint_.via_line(request_.via); !via.empty())
      transfer.headers.push_back(std::move(via));
  }
  head_ = ResponseHead{};
  sent_ = std::chrono::steady_clock::now();
  transfer_ = endpoint_.multi().start(std::move(transfer), *this);
}

void Ask::wanted_by(cache::Client client) {
  if (std::ranges::find(clients_, client) == clients_.end() &&
      clients_.size() < TransferRequest::most_clients)
    clients_.push_back(client);
  if (transfer_) transfer_->wanted_by(client);
  if (wait_) wait_->wanted_by(client);
}

/// What the endpoint's choice goes by: the wait for an object is that of all its hops.
void Ask::learn(int status) {
  const auto now = std::chrono::steady_clock::now();
  const TransferTiming timing = transfer_->timing();
  Knowledge& knowledge = endpoint_.knowledge();
  if (timing.connect.count() > 0) knowledge.connected(timing.connect, now);
  waited_ += timing.first_byte;
  // A circle is seen by what the client wrote into its Via: it says nothing about the endpoint.
  if (status == 508 && !request_.via.empty()) return;
  if (status >= 500) {
    knowledge.faulty(now);
  } else if (!is_redirect(status) && status != 401 && status != 429) {
    knowledge.first_byte(waited_, now);
    knowledge.succeeded(now);
  }
}

std::optional<std::chrono::nanoseconds> Ask::waited() const {
  if (!transfer_ || head_.status != 0 || delivered_) return std::nullopt;
  return transfer_->timing().running;
}

Disposition Ask::on_head(const ResponseHead& head) {
  endpoint_.metrics().request(request_.kind, head.status);
  endpoint_.metrics().time_to_first_byte().observe(std::chrono::steady_clock::now() - sent_);
  learn(head.status);
  if (at_endpoint()) {
    settle_circuit(nullptr);
    // What an anonymous question is told is not the account's.
    if (!authorization_.empty() || account_->credential() == nullptr)
      endpoint_.told(*account_, head);
  }
  if (head.status >= 200 && head.status < 300) {
    delivered_ = true;
    return sink_.on_answer(head);
  }
  head_ = head;
  return Disposition::discard();
}

void Ask::on_end(const TransferEnd& end) {
  if (!delivered_ && head_.status != 0 && !given_up(end)) {
    answered();
  } else if (end.kind == TransferEnd::Kind::complete) {
    sink_.on_whole();
  } else if (end.kind == TransferEnd::Kind::refused) {
    sink_.on_stopped();
  } else if (given_up(end)) {
    fail(transport_failure(what(), end), {});
  } else {
    broken(end);
  }
}

void Ask::broken(const TransferEnd& end) {
  if (!delivered_) endpoint_.metrics().request(request_.kind, 0);
  if (circuit_pending_ && !delivered_ && at_endpoint()) {
    settle_circuit(&end);
  } else {
    endpoint_.knowledge().faulty(std::chrono::steady_clock::now());
  }
  fail(transport_failure(what(), end), end.reason, worth_retrying(end));
}

void Ask::answered() {
  const int status = head_.status;
  if (is_redirect(status)) {
    redirected();
  } else if (status == 401) {
    unauthorized();
  } else if (status == 403 && !at_endpoint()) {
    back_to_endpoint();
  } else if (status == 429 && at_endpoint()) {
    limited(status_failure(what(), head_, std::chrono::system_clock::now()),
            failure_reason(status));
  } else {
    auto failure = status_failure(what(), head_, std::chrono::system_clock::now());
    const bool retryable = failure.kind == cache::FailureKind::unavailable;
    fail(std::move(failure), failure_reason(status), retryable);
  }
}

/// The next account, where there is one that is not limited; each has one try.
void Ask::limited(cache::Failure failure, std::string_view reason) {
  endpoint_.rate_limited(*account_, failure.retry_after);
  if (++limited_accounts_ >= endpoint_.accounts() || endpoint_.limited())
    return fail(std::move(failure), reason);
  endpoint_.metrics().failure(reason);
  account_ = &endpoint_.account_for(request_.repository);
  refused_ = 0;
  authorize();
}

void Ask::unauthorized() {
  if (!at_endpoint()) {
    refused_by_hop();
    return;
  }
  challenged_ = true;
  auto scheme =
      choose_scheme(parse_challenges(head_.www_authenticate), account_->credential() != nullptr);
  const AuthScheme* known = endpoint_.scheme();
  // Some answer 401 without a challenge (gcr.io): what they said earlier holds.
  if (!scheme && head_.www_authenticate.empty() && known != nullptr) scheme = *known;
  if (!scheme) {
    fail(status_failure(what(), head_, std::chrono::system_clock::now()), "denied");
    return;
  }
  refused_by_endpoint(*scheme);
}

void Ask::refused_by_endpoint(const AuthScheme& scheme) {
  const bool bearer = scheme.kind == AuthScheme::Kind::bearer;
  const bool again = !authorization_.empty() && (!bearer || refused_ != 0);
  if (again) {
    // One new token per question; Basic has nothing new to offer.
    fail(status_failure(what(), head_, std::chrono::system_clock::now()), "denied");
    return;
  }
  if (!authorization_.empty() && key_) {
    refused_ = serial_;
    account_->tokens().refused(*key_, serial_);
  }
  if (!bearer) {
    endpoint_.learn(scheme);
    authorize();
    return;
  }
  if (!choose_key(scheme, endpoint_.url())) return;
  // The scope is this question's alone; realm and service are every question's.
  AuthScheme shape = scheme;
  shape.scope.clear();
  endpoint_.learn(std::move(shape));
  wipe(authorization_);
  if (const auto grant = account_->tokens().look(*key_)) {
    use_token(*grant);
  } else {
    wait_ = account_->tokens().request(*key_, *this);
  }
}

void Ask::refused_by_hop() {
  // A registry that redirects to another one (registry.k8s.io): its token is asked for without a
  // credential, and once.
  const auto scheme = choose_scheme(parse_challenges(head_.www_authenticate), false);
  if (!scheme || hop_token_) {
    back_to_endpoint();
    return;
  }
  hop_token_ = true;
  if (choose_key(*scheme, url_)) authorize();
}

void Ask::redirected() {
  const auto forbid = [this](std::string_view why) {
    fail(bad_answer(what(), why, head_.status), "redirect");
  };
  if (++hops_ > endpoint_.limits().redirects) {
    forbid("it redirects more than " + std::to_string(endpoint_.limits().redirects) +
           " times; check the endpoint's url");
    return;
  }
  const auto next = head_.location.empty() ? std::nullopt : url_.resolve(head_.location);
  if (!next) {
    forbid("it redirects without a Location that can be used");
    return;
  }
  if (!next->https() && (url_.https() || !endpoint_.plain_http())) {
    forbid("it redirects to plain http at " + next->shown() + ", which is not followed");
    return;
  }
  if (!next->same_origin(url_)) {
    wipe(authorization_);
    key_.reset();
  }
  url_ = *next;
  if (at_endpoint() && authorization_.empty()) {
    authorize();
  } else {
    send();
  }
}

void Ask::back_to_endpoint() {
  if (++returns_ > endpoint_.limits().cdn_returns) {
    fail(status_failure(what(), head_, std::chrono::system_clock::now()), "denied");
    return;
  }
  url_ = request_.url;
  hops_ = 0;
  hop_token_ = false;
  authorize();
}

void Ask::fail(cache::Failure failure, std::string_view reason, bool retryable) {
  AskFailure ended{.failure = std::move(failure),
                   .reason = reason,
                   .retryable = retryable,
                   .from_redirect = !at_endpoint()};
  if (!reason.empty()) endpoint_.metrics().failure(reason);
  if (std::exchange(circuit_pending_, false)) endpoint_.abandoned();
  sink_.on_failure(std::move(ended));
}

std::string Ask::what() const {
  return endpoint_.upstream() + ": " + (request_.head ? "HEAD " : "GET ") + url_.shown();
}

}  // namespace entrepot::upstream
