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
      trouble_(address_, breaker_),
      base_challenge_(multi, base_request(address_), common.timeouts, metrics),
      accounts_(multi, common.timeouts, options.credentials, upstream.name, address_.label(),
                metrics_, common.account_records),
      account_checks_({multi_, address_, base_challenge_, metrics_}, accounts_) {
  metrics_.up().set(1);
}

bool is_near_mirror(const Endpoint& endpoint) {
  return endpoint.address().mirror() &&
         endpoint.stats().connect_time().mean().value_or(nearby) < nearby;
}

void Endpoint::retire() {
  multi_.loop().assert_in_loop();
  account_checks_.retire();
  metrics_.detach_gauges();
}

bool Endpoint::open() const {
  multi_.loop().assert_in_loop();
  const Clock::time_point now = Clock::now();
  return now >= accounts_.limited_until() && breaker_.admits(now);
}

void Endpoint::maintain() {
  multi_.loop().assert_in_loop();
  accounts_.publish_gauges();
  account_checks_.maintain();
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
  if (const auto count = accounts_.remaining(now))
    report.remaining = PullsLeft{.count = *count, .few = accounts_.low_on_quota()};
  report.accounts = accounts_.configured();
  report.refused = accounts_.refused(now);
  for (const Account* account : accounts_.with_credential())
    report.refused_accounts += account->record().refused() ? 1 : 0;
  if (const auto& last = trouble_.last())
    report.last_failure =
        FailureReport{.reason = last->reason,
                      .text = last->text,
                      .since = std::chrono::floor<std::chrono::seconds>(now - last->since),
                      .ago = std::chrono::floor<std::chrono::seconds>(now - last->at),
                      .over = last->over,
                      .lasting = trouble_.lasting()};
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
    trouble_.answered();
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
  trouble_.failed(reason, why, opens);
}

void Endpoint::abandoned() {
  multi_.loop().assert_in_loop();
  breaker_.abandoned();
}

}  // namespace entrepot::upstream
