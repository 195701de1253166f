// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint.h"

#include <algorithm>
#include <random>
#include <utility>

#include "metrics/log.h"
#include "proxy/upstream/retry_after.h"

namespace entrepot::upstream {
namespace {

const Credential* first_credential(const EndpointOptions& endpoint) {
  return endpoint.credentials.empty() ? nullptr : &endpoint.credentials.front();
}

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

Endpoint::Endpoint(const UpstreamOptions& upstream, const EndpointOptions& options, Url url,
                   const Options& common, Multi& multi, const metrics::EndpointMetrics& metrics)
    : upstream_(upstream),
      url_(std::move(url)),
      label_(url_.label()),
      ns_(options.ns),
      limits_(common.limits),
      timeouts_(common.timeouts),
      credential_(first_credential(options)),
      multi_(multi),
      metrics_(metrics),
      breaker_(common.breaker, random_seed()),
      tokens_(multi, common.timeouts, credential_, upstream.name),
      anonymous_tokens_(multi, common.timeouts, nullptr, upstream.name) {
  metrics_.up().set(1);
}

Url Endpoint::address(std::string_view path) const {
  Url url = url_.with_path(path);
  return ns_ ? url.with_query("ns", upstream_.name) : url;
}

bool Endpoint::open() const {
  const Clock::time_point now = Clock::now();
  return now >= limited_until_ && breaker_.admits(now);
}

std::optional<cache::Failure> Endpoint::admit() {
  const Clock::time_point now = Clock::now();
  cache::Failure failure;
  if (now < limited_until_) {
    failure.kind = cache::FailureKind::rate_limited;
    failure.retry_after = std::chrono::ceil<std::chrono::seconds>(limited_until_ - now);
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

void Endpoint::rate_limited(std::chrono::seconds wait) {
  const auto span = std::min<std::chrono::milliseconds>(
      wait.count() == 0 ? timeouts_.rate_limit : std::chrono::milliseconds(wait), max_retry_after);
  const auto now = Clock::now();
  if (limited_until_ <= now) {
    log::warn("{}: {} limits our rate (429) and is not asked for {} s{}", upstream_.name, label_,
              std::chrono::ceil<std::chrono::seconds>(span).count(),
              credential_ == nullptr ? "; credentials would raise the limit" : "");
  }
  limited_until_ = std::max(limited_until_, now + span);
}

}  // namespace entrepot::upstream
