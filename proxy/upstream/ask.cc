// SPDX-License-Identifier: Apache-2.0
// The sink may destroy this in any call: a call to it is the last thing a function does.
#include "proxy/upstream/ask.h"

#include <algorithm>
#include <utility>

#include "proxy/upstream/transfer/failures.h"

namespace entrepot::upstream {
Ask::Ask(Endpoint& endpoint, AskRequest request, AskSink& sink)
    : endpoint_(endpoint),
      request_(std::move(request)),
      sink_(sink),
      clients_(request_.clients),
      url_(request_.url),
      login_(endpoint, request_.repository, what(), *this) {}

Ask::~Ask() {
  if (circuit_pending_) endpoint_.abandoned();
}

void Ask::start() {
  if (auto failure = endpoint_.admit()) {
    fail(std::move(*failure), {});
    return;
  }
  circuit_pending_ = true;
  account_ = &endpoint_.account_for(request_.repository);
  login_.begin(*account_);
}

void Ask::settle_circuit(const TransferEnd* broken) {
  if (!std::exchange(circuit_pending_, false)) return;
  if (broken == nullptr) {
    endpoint_.answered();
  } else {
    endpoint_.failed(broken->detail);
  }
}

void Ask::on_no_token(cache::Failure failure) {
  if (failure.given_up) return fail(std::move(failure), {});
  if (failure.kind == cache::FailureKind::rate_limited && at_endpoint())
    return try_next_account(std::move(failure), "token");
  const bool retryable = failure.kind == cache::FailureKind::unavailable;
  if (retryable) endpoint_.knowledge().faulty(std::chrono::steady_clock::now());
  fail(std::move(failure), "token", retryable);
}

void Ask::send() {
  TransferRequest transfer{.url = url_,
                           .head = request_.head,
                           .repository = request_.repository,
                           .headers = request_.headers};
  transfer.plain_http = endpoint_.plain_http();
  transfer.private_addresses = endpoint_.private_addresses(url_);
  if (!login_.authorization().empty())
    transfer.headers.push_back("Authorization: " + login_.authorization());
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
  login_.wanted_by(client);
}

/// What the endpoint's choice goes by: the wait for an object is that of all its hops.
void Ask::learn(int status) {
  const auto now = std::chrono::steady_clock::now();
  const TransferTiming timing = transfer_->timing();
  EndpointStats& knowledge = endpoint_.knowledge();
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
    if (login_.as_account()) endpoint_.told(*account_, head);
    login_.answered(head.status);
  }
  if (head.status >= 200 && head.status < 300) {
    delivered_ = true;
    return sink_.on_answer(head);
  }
  head_ = head;
  return reason_.begin(head);
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
  } else if (!at_endpoint()) {
    if (status == 401) return login_.refused_by_hop(url_, head_);
    on_answer_stands();
  } else if (status == 401) {
    login_.refused(head_);
  } else if (status == 403 || status == 404) {
    login_.hidden(head_);
  } else {
    on_answer_stands();
  }
}

void Ask::on_answer_stands() {
  const int status = head_.status;
  if (!at_endpoint() && (status == 401 || status == 403)) return back_to_endpoint();
  auto failure = status_failure(what(), head_, std::chrono::system_clock::now(), reason_.text());
  if (status == 429 && !led_away()) return limited(std::move(failure), failure_reason(status));
  const bool retryable = failure.kind == cache::FailureKind::unavailable;
  fail(std::move(failure), failure_reason(status), retryable);
}

void Ask::limited(cache::Failure failure, std::string_view reason) {
  endpoint_.rate_limited(*account_, failure.retry_after);
  try_next_account(std::move(failure), reason);
}

/// Repeats the request as another account that is not limited, if there is one. Each account is
/// tried once.
void Ask::try_next_account(cache::Failure failure, std::string_view reason) {
  if (++limited_accounts_ >= endpoint_.accounts() || endpoint_.limited())
    return fail(std::move(failure), reason);
  endpoint_.metrics().failure(reason);
  account_ = &endpoint_.account_for(request_.repository);
  login_.begin(*account_);
}

void Ask::redirected() {
  const auto forbid = [this](std::string_view why) {
    endpoint_.knowledge().faulty(std::chrono::steady_clock::now());
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
  if (!next->same_origin(url_)) login_.leave();
  url_ = *next;
  if (at_endpoint() && login_.authorization().empty()) {
    login_.begin(*account_);
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
  login_.begin(*account_);
}

void Ask::fail(cache::Failure failure, std::string_view reason, bool retryable) {
  AskFailure ended{.failure = std::move(failure),
                   .reason = reason,
                   .retryable = retryable,
                   .from_redirect = led_away()};
  if (ended.failure.kind == cache::FailureKind::rate_limited) tell_pause(ended);
  if (!reason.empty()) endpoint_.metrics().failure(reason);
  if (std::exchange(circuit_pending_, false)) endpoint_.abandoned();
  sink_.on_failure(std::move(ended));
}

void Ask::tell_pause(AskFailure& ended) const {
  auto& wait = ended.failure.retry_after;
  if (!led_away()) {
    ended.pause = ended.reason == "token" ? account_->token_pause(std::chrono::steady_clock::now())
                                          : endpoint_.pause();
  } else if (wait.count() == 0) {  // a hop has no limit of ours to keep
    ended.pause = endpoint_.timeouts().rate_limit_first;
  }
  if (ended.pause && wait.count() == 0)
    wait = std::chrono::ceil<std::chrono::seconds>(*ended.pause);
}

std::string Ask::what() const {
  return endpoint_.upstream() + ": " + (request_.head ? "HEAD " : "GET ") + url_.shown();
}

}  // namespace entrepot::upstream
