// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/endpoint.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <random>
#include <utility>

#include "metrics/check.h"
#include "metrics/log.h"
#include "proxy/upstream/wire/retry_after.h"

namespace entrepot::upstream {
namespace {

/// Empty for the anonymous user.
std::string name_of(const Account& account) {
  return account.credential() == nullptr ? std::string() : account.credential()->username;
}

/// A round trip that fills any usual window in no time, with room for a busy machine. In seconds.
constexpr double nearby = 0.01;

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

Endpoint::Endpoint(const UpstreamOptions& upstream, const EndpointOptions& options, Url url,
                   const Options& common, CurlMulti& multi, const metrics::EndpointMetrics& metrics)
    : upstream_(upstream),
      url_(std::move(url)),
      label_(url_.label()),
      region_(options.region),
      ns_(options.ns),
      limits_(common.limits),
      timeouts_(common.timeouts),
      id_(common.id),
      multi_(multi),
      metrics_(metrics),
      breaker_(common.breaker, random_seed()),
      base_challenge_(multi, base_request(), common.timeouts, metrics),
      anonymous_tokens_(multi, common.timeouts, nullptr, upstream.name) {
  const auto add = [&](const Credential* credential) {
    accounts_.push_back(
        std::make_unique<Account>(multi, common.timeouts, credential, upstream.name));
  };
  for (const Credential& credential : options.credentials) add(&credential);
  if (accounts_.empty()) add(nullptr);
  metrics_.up().set(1);
}

Url Endpoint::address(std::string_view path) const {
  auto url = url_.with_path(path);
  if (url && ns_) url = url->with_query("ns", upstream_.name);
  // URLs and names of the configuration, and what the name grammar lets through, are far shorter.
  check(url.has_value(), "an endpoint's URL leaves no room for a path");
  return std::move(*url);
}

TransferRequest Endpoint::base_request() const {
  TransferRequest request{.url = address("/v2/")};
  request.plain_http = plain_http();
  request.private_addresses = true;  // it is our own origin
  request.urgent = true;
  return request;
}

bool Endpoint::near_mirror() const {
  return ns_ && knowledge_.connect_time().mean().value_or(nearby) < nearby;
}

std::string Endpoint::via_line(const std::string& via) const {
  if (id_.empty() || !ns_) return {};
  return "Via: " + (via.empty() ? "" : via + ", ") + "1.1 " + id_;
}

bool Endpoint::open() const {
  const Clock::time_point now = Clock::now();
  return now >= limited_until() && breaker_.admits(now);
}

/// The account whose limit is over first.
const Account& Endpoint::first_to_ask() const {
  return **std::ranges::min_element(accounts_, {},
                                    [](const auto& account) { return account->limited_until(); });
}

Endpoint::Clock::time_point Endpoint::limited_until() const {
  return first_to_ask().limited_until();
}

std::optional<std::chrono::milliseconds> Endpoint::pause() const {
  const Account& account = first_to_ask();
  if (!account.gate().pauses()) return std::nullopt;
  const auto left = account.limited_until() - Clock::now();
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds(0));
}

bool Endpoint::low_on_quota() const {
  const Clock::time_point now = Clock::now();
  return std::all_of(accounts_.begin(), accounts_.end(), [&](const auto& account) {
    return account->limited(now) || account->budget().low_on_quota(now);
  });
}

Account& Endpoint::account_for(std::string_view repository) const {
  const Clock::time_point now = Clock::now();
  const auto first = std::hash<std::string_view>{}(repository) % accounts_.size();
  const auto worth = [&](const Account& account) -> std::uint64_t {
    if (account.limited(now)) return 0;
    if (account.token_gate().closed(now)) return 1;
    if (!account.budget().low_on_quota(now)) return std::numeric_limits<std::uint64_t>::max();
    return 2 + *account.budget().remaining(now);
  };
  Account* best = accounts_[first].get();
  for (std::size_t i = 1; i < accounts_.size(); ++i) {
    Account& next = *accounts_[(first + i) % accounts_.size()];
    if (worth(next) > worth(*best)) best = &next;
  }
  best->gate().asked(now);
  return *best;
}

std::optional<std::uint64_t> Endpoint::sum_of(BudgetFigure figure, Clock::time_point now) const {
  std::optional<std::uint64_t> sum;
  for (const auto& account : accounts_)
    if (const auto count = (account->budget().*figure)(now)) sum = sum.value_or(0) + *count;
  return sum;
}

std::optional<std::uint64_t> Endpoint::remaining(Clock::time_point now) const {
  return sum_of(&RateBudget::remaining, now);
}

void Endpoint::told(Account& account, const ResponseHead& head) {
  account.budget().told(head, Clock::now());
  if (head.status < 500 && head.status != 401 && head.status != 429)
    account.gate().let_through(Clock::now());
  bring_gauges_up_to_date();
}

void Endpoint::bring_gauges_up_to_date() {
  const Clock::time_point now = Clock::now();
  const bool known_now = remaining(now).has_value();
  if (!std::exchange(told_ratelimit_, known_now) && !known_now) return;
  const auto known = [](std::optional<std::uint64_t> count) {
    return count ? static_cast<double>(*count) : std::numeric_limits<double>::quiet_NaN();
  };
  metrics_.ratelimit_remaining().set(known(remaining(now)));
  metrics_.ratelimit_limit().set(known(sum_of(&RateBudget::limit, now)));
}

void Endpoint::forget_unused() {
  anonymous_tokens_.forget_unused();
  for (const auto& account : accounts_) account->tokens().forget_unused();
}

EndpointReport Endpoint::report() const {
  const Clock::time_point now = Clock::now();
  const Estimate estimate = knowledge_.estimate(now);
  EndpointReport report{.endpoint = label_, .region = region_};
  report.down = estimate.down;
  report.suspect = estimate.suspect;
  report.unasked = !breaker_.admits(now);
  report.failure_rate = estimate.failure_rate;
  report.bodies = estimate.bodies;
  report.connect = estimate.connect;
  report.first_byte = estimate.first_byte;
  report.late_first_byte = knowledge_.first_byte_time().percentile(0.95);
  report.rate = estimate.rate;
  if (estimate.rate) report.rate_ago = estimate.rate_age;
  if (estimate.first_byte)
    report.answered_ago =
        std::chrono::duration<double>(now - knowledge_.first_byte_time().last()).count();
  if (limited()) report.limited = std::chrono::ceil<std::chrono::seconds>(limited_until() - now);
  for (const auto& account : accounts_) {
    if (account->limited(now))
      report.waits[name_of(*account)] =
          std::chrono::ceil<std::chrono::seconds>(account->limited_until() - now);
  }
  report.remaining = remaining(now);
  report.accounts = accounts_.size();
  return report;
}

void Endpoint::recall(const EndpointReport& known) {
  const Clock::time_point now = Clock::now();
  const auto then = [now](double seconds_ago) {
    return now -
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_ago));
  };
  if (known.answered_ago)
    knowledge_.recall_times(known.connect, known.first_byte, then(*known.answered_ago));
  if (known.rate && known.rate_ago) knowledge_.recall_rate(*known.rate, then(*known.rate_ago));
  for (const auto& account : accounts_) {
    const auto wait = known.waits.find(name_of(*account));
    if (wait != known.waits.end())
      account->gate().close_until(now +
                                  std::min<std::chrono::seconds>(wait->second, max_retry_after));
  }
}

std::optional<cache::Failure> Endpoint::admit() {
  const Clock::time_point now = Clock::now();
  cache::Failure failure;
  if (const auto until = limited_until(); now < until) {
    failure.kind = cache::FailureKind::rate_limited;
    failure.retry_after = std::chrono::ceil<std::chrono::seconds>(until - now);
    failure.message = upstream_.name + ": " + label_ +
                      " has limited our rate; not asked for another " +
                      std::to_string(failure.retry_after.count()) + " s";
    failure.status = 429;
    return failure;
  }
  const auto wait = breaker_.admit(now);
  if (wait.count() == 0) return std::nullopt;
  failure.kind = cache::FailureKind::unavailable;
  failure.retry_after = std::chrono::ceil<std::chrono::seconds>(wait);
  failure.message = upstream_.name + ": " + label_ +
                    " did not answer lately; not asked for another " +
                    std::to_string(wait.count()) + " ms; check the network if this goes on";
  return failure;
}

void Endpoint::answered() {
  if (breaker_.open()) {
    metrics_.up().set(1);
    log::info("{}: {} answers again", upstream_.name, label_);
  }
  breaker_.answered();
  knowledge_.answers(Clock::now());
}

void Endpoint::failed(std::string_view why) {
  knowledge_.unreachable(Clock::now());
  const bool was_open = breaker_.open();
  breaker_.failed(Clock::now());
  if (was_open || !breaker_.open()) return;
  metrics_.up().set(0);
  log::warn(
      "{}: {} does not answer ({}); what is cached is served, and it is asked again at "
      "intervals of {} s at most",
      upstream_.name, label_, why,
      std::chrono::ceil<std::chrono::seconds>(breaker_.longest()).count());
}

void Endpoint::abandoned() { breaker_.abandoned(); }

void Endpoint::anonymous_limited(std::chrono::seconds wait) {
  for (const auto& account : accounts_)
    if (account->credential() == nullptr) rate_limited(*account, wait);
}

void Endpoint::rate_limited(Account& account, std::chrono::seconds wait) {
  const auto now = Clock::now();
  const bool begins = !account.limited(now) || account.gate().pauses();
  if (wait.count() > 0 || account.budget().spent(now)) {
    const std::chrono::milliseconds span = wait.count() > 0 ? wait : timeouts_.rate_limit;
    account.gate().close_until(now + std::min<std::chrono::milliseconds>(span, max_retry_after));
    if (begins) log::warn("{}", limited_line(account));
  } else if (account.gate().pause(now, timeouts_.rate_limit_first, timeouts_.rate_limit)) {
    // Where a moment's wait is enough it may be refused each second.
    if (account.gate().pauses_so_far() == pauses_before_warning)
      log::warn("{}", limited_line(account));
    else
      log::debug("{}", limited_line(account));
  }
}

std::string Endpoint::limited_line(const Account& account) const {
  const auto span = std::chrono::ceil<std::chrono::seconds>(account.limited_until() - Clock::now());
  return upstream_.name + ": " + label_ + " limits our rate (429) and is not asked for " +
         std::to_string(span.count()) + " s" +
         (account.credential() == nullptr ? "; credentials would raise the limit"
                                          : " as " + account.credential()->username);
}

}  // namespace entrepot::upstream
