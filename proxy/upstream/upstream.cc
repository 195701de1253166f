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
          .connect = common.timeouts.connect,
          .first_byte = common.timeouts.first_byte,
          .stall = common.timeouts.stall,
          .stall_bytes_per_second = common.limits.stall_bytes_per_second};
}

}  // namespace

Upstream::Upstream(event_base* base, UpstreamOptions options, const Options& common,
                   const metrics::Metrics& metrics)
    : base_(base),
      options_(std::move(options)),
      limits_(common.limits),
      timeouts_(common.timeouts),
      fills_resumed_(metrics.fills_resumed()),
      seed_(std::random_device()()),
      multi_(base, transfer_options(options_, common), common.limits.transfers),
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
    probes_.push_back(std::make_unique<Probe>(base, *endpoint, next_seed()));
}

std::vector<Candidate> Upstream::candidates(const Endpoints& excluded) const {
  const auto now = Endpoint::Clock::now();
  std::vector<Candidate> candidates;
  for (const auto& endpoint : endpoints_) {
    const bool out = std::find(excluded.begin(), excluded.end(), endpoint.get()) != excluded.end();
    candidates.push_back({endpoint->knowledge().estimate(now), endpoint->open(), out});
  }
  return candidates;
}

Endpoint* Upstream::choose(std::uint64_t bytes, const Endpoints& excluded) {
  hedges_ = std::min(hedges_ + limits_.hedges, most_hedges);
  if (endpoints_.size() == 1) return excluded.empty() ? endpoints_.front().get() : nullptr;
  for (const auto& probe : probes_) probe->used();
  auto& incumbent = incumbents_[bytes <= small_object ? 0 : 1];
  const auto all = candidates(excluded);
  const auto choice = upstream::choose(all, bytes, incumbent);
  if (!choice) return nullptr;
  Endpoint& chosen = *endpoints_[choice->index];
  if (choice->explores) {
    chosen.knowledge().explored(Endpoint::Clock::now());
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
  if (endpoints_.size() == 1) return nullptr;
  const auto all = candidates(excluded);
  const auto choice = upstream::choose(all, bytes, std::nullopt);
  if (!choice || !all[choice->index].open) return nullptr;
  if (only == Only::working && all[choice->index].estimate.down) return nullptr;
  return endpoints_[choice->index].get();
}

double Upstream::expected_seconds(const Endpoint& endpoint, std::uint64_t bytes) const {
  const auto at = std::find_if(endpoints_.begin(), endpoints_.end(),
                               [&](const auto& one) { return one.get() == &endpoint; });
  return upstream::expected_seconds(candidates({}),
                                    static_cast<std::size_t>(at - endpoints_.begin()), bytes);
}

UpstreamReport Upstream::report() const {
  UpstreamReport report{.name = name(), .transfers = multi_.running(), .queued = multi_.queued()};
  for (const auto& endpoint : endpoints_) report.endpoints.push_back(endpoint->report());
  return report;
}

void Upstream::recall(const UpstreamReport& known) {
  for (const auto& endpoint : endpoints_)
    for (const auto& one : known.endpoints)
      if (one.endpoint == endpoint->label()) endpoint->recall(one);
}

bool Upstream::take_hedge() {
  if (hedges_ < 1) return false;
  hedges_ -= 1;
  return true;
}

}  // namespace entrepot::upstream
