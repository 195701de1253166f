// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/probe.h"

#include <algorithm>
#include <string>

#include "proxy/upstream/endpoint/backoff.h"
#include "proxy/upstream/wire/retry_after.h"

namespace entrepot::upstream {
namespace {

using std::chrono::milliseconds;

/// Between two probes that are wanted at once.
constexpr milliseconds hurry_again{std::chrono::seconds(2)};
/// After a probe that failed, doubling.
constexpr milliseconds failed_first{std::chrono::seconds(1)};
constexpr milliseconds failed_longest{std::chrono::seconds(30)};
/// A question that has succeeded speaks for an endpoint this long, whatever its /v2/ answers.
constexpr std::chrono::minutes success_counts_for{5};

}  // namespace

ProbeVerdict judge_probe(const ResponseHead& head) {
  if (head.status >= 500 || head.status == 429) return ProbeVerdict::down;
  // Web servers send their redirects and their 401 with an HTML page, too.
  const bool no_page = head.status == 401 || (head.status >= 300 && head.status < 400);
  return !no_page && is_page(head) ? ProbeVerdict::unclear : ProbeVerdict::up;
}

Probe::Probe(event_base* base, Endpoint& endpoint, std::uint64_t seed)
    : endpoint_(endpoint), random_(seed), timer_(base, [this] { due(); }) {}

void Probe::used() {
  endpoint_.multi().loop().assert_in_loop();
  const bool first = !used_;
  used_ = true;
  if (!first || transfer_ || failures_ > 0) return;
  // After a long rest the statistics are old, and the next probe is due soon.
  const auto age = std::chrono::duration_cast<milliseconds>(Clock::now() - asked_at_);
  timer_.set(
      std::max(jittered_delay(endpoint_.timeouts().probe_used, random_) - age, milliseconds(0)));
}

void Probe::hurry() {
  endpoint_.multi().loop().assert_in_loop();
  if (transfer_ || failures_ > 0 || Clock::now() - asked_at_ < hurry_again) return;
  timer_.set(milliseconds(0));
}

void Probe::due() {
  const auto now = Clock::now();
  const EndpointStats& stats = endpoint_.stats();
  const bool asked_meanwhile =
      now - stats.first_byte_time().last() < endpoint_.timeouts().probe_used / 2;
  if (endpoint_.accounts().limited() || now < not_before_ ||
      (asked_meanwhile && !stats.estimate(now).down)) {
    wait();
  } else {
    ask();
  }
}

void Probe::ask() {
  asked_at_ = Clock::now();
  used_ = false;
  settled_ = false;
  TransferRequest request{.url = endpoint_.address().of("/v2/"), .head = false, .headers = {}};
  request.plain_http = endpoint_.address().plain_http();
  request.private_addresses = endpoint_.address().private_addresses(request.url);
  request.urgent = true;
  TransferSink& self = *this;
  transfer_ = endpoint_.multi().start(std::move(request), self);
}

Disposition Probe::on_head(const ResponseHead& head) {
  endpoint_.metrics().request(metrics::Kind::ping, head.status);
  settled_ = true;
  learn(head);
  return Disposition::discard;
}

void Probe::learn(const ResponseHead& head) {
  if (head.status == 429) {
    // It asks for nobody: whether a credential is limited, its own questions will tell.
    // The same where it does not say for how long.
    const auto wait = parse_retry_after(head.retry_after, std::chrono::system_clock::now())
                          .value_or(std::chrono::seconds(0));
    const bool said = wait.count() > 0;
    not_before_ = Clock::now() + (said ? milliseconds(wait) : endpoint_.timeouts().rate_limit);
    if (said) endpoint_.accounts().anonymous_limited(wait);
    return;
  }
  const ProbeVerdict verdict = judge_probe(head);
  if (verdict == ProbeVerdict::down) {
    failed(EndpointFailure::server_error,
           "its /v2/ answers " + std::to_string(head.status) + ", not as a registry does",
           Clock::now() - success_counts_for);
    return;
  }
  failures_ = 0;
  // A page neither closes the circuit nor opens it: the next request of a client decides.
  if (verdict == ProbeVerdict::unclear) return;
  const auto now = Clock::now();
  const TransferTiming timing = transfer_->timing();
  if (timing.connect.count() > 0) endpoint_.stats().connected(timing.connect, now);
  endpoint_.stats().first_byte(timing.first_byte, now);
  endpoint_.answered();
}

void Probe::on_end(const TransferEnd& end) {
  transfer_.reset();
  if (!settled_) {
    endpoint_.metrics().request(metrics::Kind::ping, 0);
    const auto reason = end.reason.value_or(EndpointFailure::other);
    endpoint_.metrics().failure(reason);
    failed(reason, end.detail, asked_at_);
  }
  wait();
}

void Probe::failed(EndpointFailure reason, std::string_view why,
                   Clock::time_point unless_works_since) {
  ++failures_;
  if (!endpoint_.stats().works_since(unless_works_since)) endpoint_.failed(reason, why);
}

void Probe::wait() {
  const Timeouts& timeouts = endpoint_.timeouts();
  timer_.set(failures_ > 0
                 ? backoff_delay(failures_, failed_first, failed_longest, random_)
                 : jittered_delay(used_ ? timeouts.probe_used : timeouts.probe_idle, random_));
}

}  // namespace entrepot::upstream
