// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/upstream.h"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

namespace entrepot::upstream {
namespace {

/// Hedges that may be made at once after a quiet time.
constexpr double most_hedges = 10;

TransferOptions transfer_options(const UpstreamOptions& upstream, const Options& common) {
  return {.user_agent = common.user_agent,
          .ca_file = upstream.ca_file,
          .proxy = upstream.proxy,
          .connect = common.timeouts.connect,
          .first_byte = common.timeouts.first_byte,
          .stall = common.timeouts.stall,
          .stall_bytes_per_second = common.limits.stall_bytes_per_second};
}

}  // namespace

Upstream::Upstream(loop::Loop& loop, UpstreamOptions options, const Options& common,
                   const metrics::Metrics& metrics)
    : loop_(loop),
      options_(std::move(options)),
      limits_(common.limits),
      timeouts_(common.timeouts),
      read_off_loop_(common.read_off_loop),
      fills_resumed_(metrics.cache().fills_resumed()),
      metrics_(metrics.upstream(options_.name)),
      seed_(std::random_device()()),
      multi_(loop, transfer_options(options_, common),
             {.slots = static_cast<std::size_t>(std::max(common.limits.transfers, 1))}),
      hedges_(most_hedges) {
  for (const EndpointOptions& endpoint : options_.endpoints) {
    auto url = Url::parse(endpoint.url);
    if (!url) {
      throw std::invalid_argument("upstream " + options_.name +
                                  ": an endpoint's url is not an http or https URL");
    }
    const std::string label = url->label();
    endpoints_.push_back(std::make_unique<Endpoint>(options_, endpoint, std::move(*url), common,
                                                    multi_,
                                                    metrics.endpoint(options_.name, label)));
  }
  if (endpoints_.empty()) {
    throw std::invalid_argument("upstream " + options_.name + " has no endpoint");
  }
  if (endpoints_.size() == 1) return;
  for (const auto& endpoint : endpoints_)
    probes_.push_back(std::make_unique<Probe>(loop.base(), *endpoint, next_seed()));
}

Upstream::~Upstream() {
  publish_dropped();
  publish_transfers(0, 0);
}

std::vector<Candidate> Upstream::candidates(std::uint64_t bytes, const Endpoints& excluded) const {
  const auto now = Endpoint::Clock::now();
  std::vector<Candidate> candidates;
  for (const auto& endpoint : endpoints_) {
    const bool out = std::find(excluded.begin(), excluded.end(), endpoint.get()) != excluded.end();
    // Manifests are what is counted; where a blob comes from need not change for them.
    const bool low_on_quota = bytes <= small_object && endpoint->accounts().low_on_quota();
    // Without its account an endpoint may lack what others have, and anonymous pulls are few.
    const bool spared = low_on_quota || endpoint->accounts().all_refused();
    candidates.push_back({endpoint->stats().estimate(now), endpoint->open(), out, spared});
  }
  return candidates;
}

Endpoint* Upstream::choose(std::uint64_t bytes, const Endpoints& excluded) {
  loop_.assert_in_loop();
  hedges_ = std::min(hedges_ + limits_.hedges, most_hedges);
  if (endpoints_.size() == 1) return excluded.empty() ? endpoints_.front().get() : nullptr;
  for (const auto& probe : probes_) probe->used();
  auto& incumbent = incumbents_[bytes <= small_object ? 0 : 1];
  const auto all = candidates(bytes, excluded);
  const auto choice = upstream::choose(all, bytes, incumbent);
  if (!choice) return nullptr;
  Endpoint& chosen = *endpoints_[choice->index];
  if (choice->explores) {
    chosen.stats().explored(Endpoint::Clock::now());
  } else if (excluded.empty()) {
    incumbent = choice->index;
  }
  const bool down =
      std::any_of(all.begin(), all.end(), [](const Candidate& one) { return one.estimate.down; });
  if (down || all[choice->index].estimate.worse)
    for (const auto& probe : probes_) probe->hurry();
  return &chosen;
}

Endpoint* Upstream::alternative(std::uint64_t bytes, const Endpoints& excluded, Only only) const {
  loop_.assert_in_loop();
  if (endpoints_.size() == 1) return nullptr;
  const auto all = candidates(bytes, excluded);
  const auto choice = upstream::choose(all, bytes, std::nullopt);
  if (!choice || !all[choice->index].open) return nullptr;
  if (only == Only::working && all[choice->index].estimate.down) return nullptr;
  return endpoints_[choice->index].get();
}

double Upstream::expected_seconds(const Endpoint& endpoint, std::uint64_t bytes) const {
  loop_.assert_in_loop();
  const auto at = std::find_if(endpoints_.begin(), endpoints_.end(),
                               [&](const auto& one) { return one.get() == &endpoint; });
  return upstream::expected_seconds(candidates(bytes, {}),
                                    static_cast<std::size_t>(at - endpoints_.begin()), bytes);
}

UpstreamReport Upstream::report() const {
  loop_.assert_in_loop();
  const auto load = multi_.load();
  UpstreamReport report{.name = name(),
                        .proxy = options_.proxy.for_https.url.empty()
                                     ? options_.proxy.for_http.url
                                     : options_.proxy.for_https.url,
                        .transfers = load.running,
                        .queued = load.queued,
                        .oldest = std::chrono::duration<double>(multi_.oldest()).count()};
  for (const auto& endpoint : endpoints_) report.endpoints.push_back(endpoint->report());
  return report;
}

void Upstream::recall(const UpstreamReport& known) {
  loop_.assert_in_loop();
  for (const auto& endpoint : endpoints_)
    for (const auto& one : known.endpoints)
      if (one.endpoint == endpoint->label()) endpoint->recall(one);
}

void Upstream::retire() {
  loop_.assert_in_loop();
  probes_.clear();
  for (const auto& endpoint : endpoints_) endpoint->retire();
}

void Upstream::publish_gauges() {
  loop_.assert_in_loop();
  const auto load = multi_.load();
  publish_transfers(load.running, load.queued);
  publish_dropped();
  for (const auto& endpoint : endpoints_) {
    endpoint->maintain();
  }
}

void Upstream::publish_transfers(std::size_t running, std::size_t queued) {
  const auto change = [](std::size_t now, std::size_t before) {
    return static_cast<double>(now) - static_cast<double>(before);
  };
  metrics_.transfers().add(change(running, std::exchange(published_running_, running)));
  metrics_.transfers_queued().add(change(queued, std::exchange(published_queued_, queued)));
}

void Upstream::publish_dropped() {
  const CurlMulti::Dropped now = multi_.dropped();
  const CurlMulti::Dropped before = std::exchange(published_dropped_, now);
  metrics_.transfers_dropped(metrics::TransferDrop::left).add(now.left - before.left);
  metrics_.transfers_dropped(metrics::TransferDrop::full).add(now.full - before.full);
  metrics_.transfers_dropped(metrics::TransferDrop::yielded).add(now.yielded - before.yielded);
}

bool Upstream::take_hedge() {
  loop_.assert_in_loop();
  if (hedges_ < 1) return false;
  hedges_ -= 1;
  return true;
}

}  // namespace entrepot::upstream
