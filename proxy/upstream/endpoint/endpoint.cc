// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/endpoint.h"

#include <algorithm>
#include <random>
#include <utility>

#include "metrics/log.h"
#include "proxy/upstream/transfer/curl_multi.h"

namespace entrepot::upstream {
namespace {

/// Seconds. A round trip that fills any usual window in no time, with room for a busy machine.
constexpr double nearby = 0.01;

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

std::int64_t whole_seconds(Endpoint::Clock::duration span) {
  return std::chrono::floor<std::chrono::seconds>(span).count();
}

/// The request for the challenge of /v2/.
TransferRequest base_request(const EndpointAddress& address) {
  TransferRequest request{.url = address.of("/v2/")};
  request.plain_http = address.plain_http();
  request.private_addresses = true;  // it is the endpoint's own origin
  request.urgent = true;
  return request;
}

}  // namespace

Endpoint::Endpoint(const UpstreamOptions& upstream, const EndpointOptions& options, Url url,
                   const Options& common, CurlMulti& multi, const metrics::EndpointMetrics& metrics)
    : address_(upstream, options, std::move(url), common.id),
      region_(options.region),
      limits_(common.limits),
      timeouts_(common.timeouts),
      multi_(multi),
      metrics_(metrics),
      breaker_(common.breaker, random_seed()),
      base_challenge_(multi, base_request(address_), common.timeouts, metrics),
      accounts_(multi, common.timeouts, options.credentials, upstream.name, address_.label(),
                metrics_),
      anonymous_tokens_(multi, common.timeouts, nullptr, upstream.name) {
  metrics_.up().set(1);
  for (Account* account : accounts_.with_credential())
    account_checks_.push_back(std::make_unique<AccountCheck>(
        AccountCheck::Parts{multi_, address_, base_challenge_, metrics_}, *account,
        [this](const Account& changed, const std::string& why) { account_changed(changed, why); }));
}

Endpoint::~Endpoint() { retire(); }

void Endpoint::retire() {
  const auto refused = accounts_.refused(Clock::now()).size();
  metrics_.accounts_denied().add(-static_cast<double>(refused));
  metrics_.detach_gauges();
}

AccountCheck& Endpoint::check_of(const Account& account) {
  multi_.loop().assert_in_loop();
  return **std::ranges::find_if(account_checks_,
                                [&](const auto& check) { return &check->account() == &account; });
}

void Endpoint::account_changed(const Account& account, const std::string& why) {
  accounts_.choose_senders();
  const std::string& user = account.credential()->username;
  if (!account.health().refused()) {
    metrics_.accounts_denied().add(-1);
    return log::info("{}: {} accepts the account {} again", address_.upstream(), address_.label(),
                     user);
  }
  metrics_.accounts_denied().add(1);
  log::error(
      "{}: {} refuses the account {} ({}); cached objects are served, and others are requested {}; "
      "correct its username or its password_file and send SIGHUP; the account is tried again after "
      "{} s, then less often",
      address_.upstream(), address_.label(), user, why,
      accounts_.all_refused() ? "without an account" : "as another account",
      std::chrono::ceil<std::chrono::seconds>(account.health().pause()).count());
}

bool Endpoint::near_mirror() const {
  multi_.loop().assert_in_loop();
  return address_.mirror() && stats_.connect_time().mean().value_or(nearby) < nearby;
}

bool Endpoint::open() const {
  multi_.loop().assert_in_loop();
  const Clock::time_point now = Clock::now();
  return now >= accounts_.limited_until() && breaker_.admits(now);
}

void Endpoint::maintain() {
  multi_.loop().assert_in_loop();
  accounts_.publish_gauges();
  for (const auto& check : account_checks_) check->maintain();
  anonymous_tokens_.forget_unused();
  accounts_.forget_unused();
}

EndpointReport Endpoint::report() const {
  multi_.loop().assert_in_loop();
  const Clock::time_point now = Clock::now();
  const Estimate estimate = stats_.estimate(now);
  EndpointReport report{.endpoint = address_.label(), .region = region_};
  report.down = estimate.down;
  report.suspect = estimate.suspect;
  report.unasked = !breaker_.admits(now);
  report.failure_rate = estimate.failure_rate;
  report.bodies = estimate.bodies;
  report.connect = estimate.connect;
  report.first_byte = estimate.first_byte;
  report.late_first_byte = stats_.first_byte_time().percentile(0.95);
  report.rate = estimate.rate;
  if (estimate.rate) report.rate_ago = estimate.rate_age;
  if (estimate.first_byte)
    report.answered_ago =
        std::chrono::duration<double>(now - stats_.first_byte_time().last()).count();
  if (accounts_.limited())
    report.limited = std::chrono::ceil<std::chrono::seconds>(accounts_.limited_until() - now);
  report.waits = accounts_.waits(now);
  report.remaining = accounts_.remaining(now);
  report.accounts = accounts_.configured();
  report.refused = accounts_.refused(now);
  if (const auto& last = trouble_.last())
    report.last_failure =
        FailureReport{.reason = last->reason,
                      .text = last->text,
                      .since = std::chrono::floor<std::chrono::seconds>(now - last->since),
                      .ago = std::chrono::floor<std::chrono::seconds>(now - last->at),
                      .over = last->over};
  return report;
}

void Endpoint::recall(const EndpointReport& known) {
  multi_.loop().assert_in_loop();
  const Clock::time_point now = Clock::now();
  const auto then = [now](double seconds_ago) {
    return now -
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_ago));
  };
  if (known.answered_ago)
    stats_.recall_times(known.connect, known.first_byte, then(*known.answered_ago));
  if (known.rate && known.rate_ago) stats_.recall_rate(*known.rate, then(*known.rate_ago));
  accounts_.restore(known.waits, now);
}

std::optional<cache::Failure> Endpoint::admit() {
  multi_.loop().assert_in_loop();
  const Clock::time_point now = Clock::now();
  cache::Failure failure;
  if (const auto until = accounts_.limited_until(); now < until) {
    failure.kind = cache::FailureKind::rate_limited;
    failure.retry_after = std::chrono::ceil<std::chrono::seconds>(until - now);
    failure.message = address_.upstream() + ": " + address_.label() +
                      " has limited our rate; not asked for another " +
                      std::to_string(failure.retry_after.count()) + " s";
    failure.status = 429;
    return failure;
  }
  const auto wait = breaker_.admit(now);
  if (wait.count() == 0) return std::nullopt;
  failure.kind = cache::FailureKind::unavailable;
  failure.retry_after = std::chrono::ceil<std::chrono::seconds>(wait);
  failure.message = address_.upstream() + ": " + address_.label() + " did not answer lately";
  if (const auto& last = trouble_.last())
    failure.message +=
        " (" + last->text + "; since " + std::to_string(whole_seconds(now - last->since)) + " s)";
  failure.message += "; not asked for another " + std::to_string(wait.count()) +
                     " ms; check the network if this goes on";
  return failure;
}

void Endpoint::answered() {
  multi_.loop().assert_in_loop();
  if (breaker_.open()) {
    static_cast<void>(trouble_.succeeded());
    metrics_.up().set(1);
    log::info("{}: {} answers again", address_.upstream(), address_.label());
  }
  breaker_.answered();
  stats_.answers(Clock::now());
}

void Endpoint::failed(EndpointFailure reason, std::string_view why) {
  multi_.loop().assert_in_loop();
  const Clock::time_point now = Clock::now();
  stats_.unreachable(now);
  const bool was_open = breaker_.open();
  breaker_.failed(now);
  const bool opens = !was_open && breaker_.open();
  if (opens) metrics_.up().set(0);
  log_line(trouble_.failed(reason, why, opens, now), why);
}

void Endpoint::faulty(EndpointFailure reason, std::string_view why) {
  multi_.loop().assert_in_loop();
  log_line(trouble_.failed(reason, why, false, Clock::now()), why);
}

void Endpoint::worked() {
  multi_.loop().assert_in_loop();
  if (trouble_.succeeded()) log::info("{}: {} works again", address_.upstream(), address_.label());
}

void Endpoint::log_line(Trouble::Line line, std::string_view why) {
  if (line == Trouble::Line::none) return;
  const std::string_view how = line == Trouble::Line::changed ? "fails for another reason now"
                               : breaker_.open()              ? "does not answer"
                                                              : "answers, but its answers fail";
  const auto longest = std::chrono::ceil<std::chrono::seconds>(breaker_.longest()).count();
  log::warn("{}: {} {} ({}); cached objects are served, and it is tried again{}",
            address_.upstream(), address_.label(), how, why,
            breaker_.open() ? " at intervals of " + std::to_string(longest) + " s at most"
                            : " with each request");
}

void Endpoint::abandoned() {
  multi_.loop().assert_in_loop();
  breaker_.abandoned();
}

}  // namespace entrepot::upstream
