// SPDX-License-Identifier: Apache-2.0
// The sink may destroy this in any call: a call to it is the last action of a function.
#include "proxy/upstream/endpoint_request.h"

#include <utility>

#include "proxy/loop/loop.h"
#include "proxy/upstream/account/doubtful.h"
#include "proxy/upstream/refusal/trouble_note.h"
#include "proxy/upstream/transfer/failures.h"

namespace entrepot::upstream {
namespace {

/// A mirror bounds our requests in progress, and says so with a short Retry-After. It still answers
/// requests for stored objects, so a pause of all of them would be worse than the limit.
bool is_share(const EndpointAddress& endpoint, const cache::Failure& failure) {
  constexpr std::chrono::seconds longest{5};
  return endpoint.mirror() && failure.retry_after > std::chrono::seconds(0) &&
         failure.retry_after <= longest;
}

/// A failure of the endpoint itself: not a limit, not a refusal, and not this mirror's own.
bool is_fault(const cache::Failure& failure) {
  return !failure.given_up && (failure.kind == cache::FailureKind::unavailable ||
                               failure.kind == cache::FailureKind::bad_upstream);
}

/// Engines find a registry there.
bool is_registry(const BaseAnswer& answer) {
  if (answer.status == 401) return choose_scheme(answer.challenges, true).has_value();
  return answer.status >= 200 && answer.status < 300 && !answer.page;
}

}  // namespace

using Clock = std::chrono::steady_clock;

EndpointRequest::EndpointRequest(Endpoint& endpoint, RequestSpec spec, RequestSink& sink)
    : endpoint_(endpoint),
      spec_(std::move(spec)),
      sink_(sink),
      admission_(endpoint),
      waiters_{.clients = spec_.clients, .demand = spec_.demand},
      trail_(spec_.url, endpoint.address().url(),
             {.redirects = endpoint.limits().redirects,
              .returns = endpoint.limits().cdn_returns,
              .plain_http = endpoint.address().plain_http()}),
      login_(endpoint, spec_.repository, what(), waiters_, *this),
      trial_(endpoint, spec_.repository, *this),
      meter_(endpoint.stats(), endpoint.metrics()),
      timer_(endpoint.multi().loop().base(), [this] {
        timer_.set(BodyMeter::interval);
        if (const auto rate = meter_.second(Clock::now())) sink_.on_second(*this, *rate);
      }) {}

void EndpointRequest::start() {
  endpoint_.multi().loop().assert_in_loop();
  if (auto failure = admission_.request()) return fail(std::move(*failure), {});
  account_ = &endpoint_.accounts().pick(spec_.repository);
  login();
}

void EndpointRequest::login() {
  phase_.enter(RequestPhase::logging_in);
  login_.begin(*account_);
}

void EndpointRequest::on_login(LoginResult result) {
  switch (result.kind) {
    case LoginResult::Kind::send:
      return send();
    case LoginResult::Kind::refusal_stands:
      return refusal_stands();
    case LoginResult::Kind::account_unsent: {
      auto failure =
          status_failure(what(), head_, std::chrono::system_clock::now(), reason_.text());
      doubt_of_everybody(failure);
      return fail(std::move(failure), EndpointFailure::denied);
    }
    case LoginResult::Kind::login_unknown: {
      auto failure =
          status_failure(what(), head_, std::chrono::system_clock::now(), reason_.text());
      doubt_of_missing(failure);
      return fail(std::move(failure), EndpointFailure::not_found);
    }
    case LoginResult::Kind::no_token:
      return no_token(std::move(result.failure));
  }
}

void EndpointRequest::no_token(cache::Failure failure) {
  if (failure.given_up) return fail(std::move(failure), {});
  if (failure.kind == cache::FailureKind::rate_limited && trail_.at_endpoint())
    return try_next_account(std::move(failure), EndpointFailure::token);
  const bool of_account = trail_.at_endpoint() && account_->credential() != nullptr;
  if (failure.kind == cache::FailureKind::denied && of_account)
    return find_blame(std::move(failure), EndpointFailure::token);
  const bool retryable = failure.kind == cache::FailureKind::unavailable;
  if (retryable) endpoint_.stats().faulty(Clock::now());
  fail(std::move(failure), EndpointFailure::token, retryable);
}

void EndpointRequest::send() {
  phase_.enter(RequestPhase::awaiting_head);
  TransferRequest transfer{.url = trail_.url(),
                           .head = spec_.head,
                           .repository = spec_.repository,
                           .headers = spec_.headers};
  transfer.plain_http = endpoint_.address().plain_http();
  transfer.private_addresses = endpoint_.address().private_addresses(trail_.url());
  if (!login_.authorization().empty())
    transfer.headers.push_back("Authorization: " + login_.authorization());
  transfer.clients = waiters_.clients;
  transfer.demand = waiters_.demand;
  if (trail_.at_endpoint()) {
    if (auto via = endpoint_.address().via_line(spec_.via); !via.empty())
      transfer.headers.push_back(std::move(via));
  }
  sent_ = Clock::now();
  transfer_ = endpoint_.multi().start(std::move(transfer), *this);
}

void EndpointRequest::hold(bool on) {
  endpoint_.multi().loop().assert_in_loop();
  meter_.hold(on);
  if (transfer_) transfer_->hold(on);
}

void EndpointRequest::wanted_by(cache::Client client) {
  endpoint_.multi().loop().assert_in_loop();
  waiters_.add(client);
  if (transfer_) transfer_->wanted_by(client);
  login_.wanted_by(client);
}

/// Updates the statistics of the endpoint. The wait for an object is the sum over all its hops.
void EndpointRequest::learn(int status) {
  const auto now = Clock::now();
  const TransferTiming timing = transfer_->timing();
  EndpointStats& stats = endpoint_.stats();
  if (timing.connect.count() > 0) stats.connected(timing.connect, now);
  waited_ += timing.first_byte;
  if (timing.running) queued_ += now - sent_ - *timing.running;
  // The client's Via caused the loop (508): it says nothing about the endpoint.
  if (status == 508 && !spec_.via.empty()) return;
  if (status >= 500) {
    stats.faulty(now);
  } else if (!is_redirect(status) && status != 401 && status != 429) {
    stats.first_byte(waited_, now);
    stats.succeeded(now);
  }
}

EndpointRequest::Waits EndpointRequest::waits() const {
  endpoint_.multi().loop().assert_in_loop();
  Waits waits{.response = std::nullopt, .queue = queued_};
  if (phase_.is(RequestPhase::awaiting_head)) waits.response = transfer_->timing().running;
  return waits;
}

Disposition EndpointRequest::on_head(const ResponseHead& head) {
  endpoint_.metrics().request(spec_.kind, head.status);
  endpoint_.metrics().time_to_first_byte().observe(Clock::now() - sent_);
  learn(head.status);
  if (trail_.at_endpoint()) {
    admission_.answered();
    // A response to an anonymous request says nothing about the account.
    if (login_.as_account()) endpoint_.accounts().answered(*account_, head);
    login_.answered(head.status);
  }
  if (head.status < 200 || head.status >= 300) {
    phase_.enter(RequestPhase::reading_refusal);
    head_ = head;
    return reason_.begin(head);
  }
  phase_.enter(RequestPhase::delivering);
  if (spec_.measured) {
    meter_.begin(Clock::now());
    timer_.set(BodyMeter::interval);
  }
  return sink_.on_head(*this, head);
}

bool EndpointRequest::on_data(std::span<const std::byte> data) {
  if (!phase_.is(RequestPhase::delivering)) return reason_.add(data);
  meter_.count(data.size());
  return sink_.on_data(*this, data);
}

void EndpointRequest::on_end(const TransferEnd& result) {
  if (phase_.is(RequestPhase::reading_refusal) && !given_up(result)) {
    refused();
  } else if (result.kind == TransferEnd::Kind::complete) {
    meter_.complete(Clock::now());
    end({.kind = RequestResult::Kind::complete});
  } else if (result.kind == TransferEnd::Kind::refused) {
    end({.kind = RequestResult::Kind::stopped});
  } else if (given_up(result)) {
    fail(transport_failure(what(), result), {});
  } else {
    broken(result);
  }
}

void EndpointRequest::broken(const TransferEnd& result) {
  const bool unanswered = !phase_.is(RequestPhase::delivering);
  if (unanswered) endpoint_.metrics().request(spec_.kind, 0);
  if (admission_.pending() && unanswered && trail_.at_endpoint()) {
    admission_.failed(result.reason.value_or(EndpointFailure::other), result.detail);
  } else {
    endpoint_.stats().faulty(Clock::now());
    if (result.reason) endpoint_.trouble().failed(*result.reason, result.detail);
  }
  fail(transport_failure(what(), result), result.reason, worth_retrying(result));
}

void EndpointRequest::refused() {
  const int status = head_.status;
  if (is_redirect(status)) return redirected();
  const bool hidden = status == 403 || status == 404;
  if (status != 401 && !(hidden && trail_.at_endpoint())) return refusal_stands();
  phase_.enter(RequestPhase::logging_in);
  if (!trail_.at_endpoint()) {
    login_.refused_by_hop(trail_.url(), head_);
  } else if (status == 401) {
    login_.refused(head_);
  } else {
    login_.hidden(head_);
  }
}

void EndpointRequest::refusal_stands() {
  const int status = head_.status;
  if (!trail_.at_endpoint() && (status == 401 || status == 403)) {
    if (trail_.restart()) return login();
    auto failure = status_failure(what(), head_, std::chrono::system_clock::now());
    return fail(std::move(failure), EndpointFailure::denied);
  }
  auto failure = status_failure(what(), head_, std::chrono::system_clock::now(), reason_.text());
  if (status == 429 && !led_away() && !is_share(endpoint_.address(), failure)) {
    endpoint_.accounts().rate_limited(*account_, failure.retry_after);
    return try_next_account(std::move(failure), failure_reason(status));
  }
  // A page says nothing about the account either.
  if (is_page(head_) && !led_away()) {
    if (status == 403) return fail(page_failure(what(), 403), EndpointFailure::bad_upstream);
    if (status == 404) {
      phase_.enter(RequestPhase::logging_in);
      const auto judge = [this](const BaseAnswer& answer) {
        // Some registries answer so for what they do not have.
        fail(page_failure(what(), 404),
             is_registry(answer) ? EndpointFailure::not_found : EndpointFailure::bad_upstream);
      };
      if (const auto known = endpoint_.base_challenge().look()) return judge(*known);
      base_wait_ = std::make_unique<BaseAnswerWait>(endpoint_.base_challenge(), judge);
      return;
    }
  }
  const bool of_account = account_->credential() != nullptr && login_.as_account();
  if ((status == 401 || status == 403) && of_account && !led_away())
    return find_blame(std::move(failure), failure_reason(status));
  const bool retryable = failure.kind == cache::FailureKind::unavailable;
  fail(std::move(failure), failure_reason(status), retryable);
}

/// The account was refused: whether for this repository or for all shows a check of its login.
void EndpointRequest::find_blame(cache::Failure failure, EndpointFailure reason) {
  phase_.enter(RequestPhase::logging_in);
  trial_.begin(*account_, login_.tried(), what(),
               Refusal{.failure = std::move(failure), .reason = reason});
}

void EndpointRequest::on_trial(AccountTrial::Result result) {
  if (result.account == nullptr)
    return fail(std::move(result.refusal.failure), result.refusal.reason);
  account_ = result.account;
  login();
}

/// Repeats the request as another account that is not limited, if there is one. Each account is
/// tried once.
void EndpointRequest::try_next_account(cache::Failure failure, EndpointFailure reason) {
  if (++limited_accounts_ >= endpoint_.accounts().senders() || endpoint_.accounts().limited())
    return fail(std::move(failure), reason);
  endpoint_.metrics().failure(reason);
  account_ = &endpoint_.accounts().pick(spec_.repository);
  login();
}

void EndpointRequest::redirected() {
  const Url from = trail_.url();
  if (const auto forbidden = trail_.follow(head_.location)) {
    endpoint_.stats().faulty(Clock::now());
    return fail(bad_answer(what(), *forbidden, head_.status), EndpointFailure::redirect);
  }
  if (!trail_.url().same_origin(from)) login_.leave();
  if (trail_.at_endpoint() && login_.authorization().empty()) return login();
  send();
}

void EndpointRequest::fail(cache::Failure failure, std::optional<EndpointFailure> reason,
                           bool retryable) {
  const bool doubted = failure.doubtful;
  // Not before an account was chosen.
  const bool instead = account_ != nullptr && endpoint_.accounts().stands_in(*account_);
  const bool of_object = reason == EndpointFailure::not_found || reason == EndpointFailure::denied;
  if (of_object && !doubted) {
    if (!instead) endpoint_.trouble().worked();
  } else if (reason && reason != EndpointFailure::not_found && (doubted || is_fault(failure)) &&
             !phase_.is(RequestPhase::awaiting_head) &&
             !phase_.is(RequestPhase::delivering)) {  // else broken() has reported it
    note_trouble(endpoint_, what(), *reason, failure,
                 led_away() ? "the target of its redirect: " : "");
  }
  auto refusal = instead && !led_away() ? trial_.take_refusal() : std::optional<Refusal>();
  if (refusal) {
    failure = std::move(refusal->failure);
    reason = refusal->reason;
    retryable = false;
  } else if (instead && !failure.given_up && !led_away() && !doubted) {
    doubt_without_account(failure);
  }
  RequestFailure failed{.failure = std::move(failure),
                        .reason = reason,
                        .retryable = retryable,
                        .from_redirect = led_away()};
  if (failed.failure.kind == cache::FailureKind::rate_limited) {
    auto& wait = failed.failure.retry_after;
    if (!led_away()) {
      failed.pause = reason == EndpointFailure::token
                         ? account_->token_gate().pause_left(Clock::now())
                         : endpoint_.accounts().pause();
    } else if (wait.count() == 0) {  // the endpoint's limit does not apply to a hop
      failed.pause = endpoint_.timeouts().rate_limit_first;
    }
    if (failed.pause && wait.count() == 0)
      wait = std::chrono::ceil<std::chrono::seconds>(*failed.pause);
  }
  if (reason) endpoint_.metrics().failure(*reason);
  admission_.abandon();
  end({.kind = RequestResult::Kind::failed, .failure = std::move(failed)});
}

void EndpointRequest::end(RequestResult result) {
  // That public content can be had says nothing about the account.
  if (result.kind == RequestResult::Kind::complete && !endpoint_.accounts().stands_in(*account_))
    endpoint_.trouble().worked();
  phase_.enter(RequestPhase::ended);
  timer_.cancel();
  meter_.stop();
  sink_.on_end(*this, std::move(result));
}

bool EndpointRequest::led_away() const {
  return !trail_.at_endpoint() || (trail_.redirected() && spec_.kind == metrics::Kind::referrers);
}

std::string EndpointRequest::what() const {
  return endpoint_.address().upstream() + ": " + (spec_.head ? "HEAD " : "GET ") +
         trail_.url().shown();
}

}  // namespace entrepot::upstream
