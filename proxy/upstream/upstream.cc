// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/upstream.h"

#include <random>
#include <stdexcept>
#include <utility>

namespace entrepot::upstream {
namespace {

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
      multi_(base, transfer_options(options_, common), common.limits.transfers) {
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
}

}  // namespace entrepot::upstream
