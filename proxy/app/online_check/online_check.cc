// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/online_check/online_check.h"

#include <chrono>
#include <future>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "metrics/log.h"
#include "metrics/metrics.h"
#include "metrics/printable.h"
#include "metrics/version.h"
#include "proxy/app/command/component_options.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/online_check/endpoint_trial.h"
#include "proxy/loop/loop.h"

namespace entrepot::app {
namespace {

/// Longer than all steps of an endpoint that answers late each time, short of its own limits.
constexpr std::chrono::minutes patience{3};

/// Tries one endpoint on a loop of its own.
std::vector<TrialResult> try_endpoint(const upstream::Options& options) {
  const metrics::Metrics metrics({});
  loop::Loop loop("check");
  std::unique_ptr<upstream::Upstream> upstream;
  std::unique_ptr<EndpointTrial> trial;
  std::promise<std::vector<TrialResult>> results;
  auto future = results.get_future();
  loop.post([&] {
    upstream =
        std::make_unique<upstream::Upstream>(loop, options.upstreams.front(), options, metrics);
    trial = std::make_unique<EndpointTrial>(
        *upstream, [&](std::vector<TrialResult> all) { results.set_value(std::move(all)); });
  });
  loop.start();
  const bool answered = future.wait_for(patience) == std::future_status::ready;
  loop.stop();
  loop.join();
  auto all = answered ? future.get()
                      : trial->give_up(
                            "no result within the 3 min for all steps of an endpoint; the steps "
                            "after it were not tried; check what answers so late");
  trial.reset();
  upstream.reset();
  return all;
}

}  // namespace

int run_online_check(const conf::Config& config, std::ostream& out) {
  log::set_level("off");  // the lines of a server: the results say the same, and what to do here
  auto options = upstream_options(config);
  options.user_agent = "entrepot/" + std::string(version());
  int good = 0, all = 0;
  for (const auto& upstream : upstream_options(config).upstreams) {
    for (const auto& endpoint : upstream.endpoints) {
      options.upstreams = {upstream};
      options.upstreams.front().endpoints = {endpoint};
      bool is_good = true;
      for (const auto& result : try_endpoint(options)) {
        is_good = is_good && result.good;
        out << upstream.name << ": " << upstream::endpoint_label(endpoint.url) << ": "
            << printable(result.step) << ": " << (result.good ? "good: " : "BAD: ")
            << printable(result.text) << std::endl;
      }
      good += is_good ? 1 : 0;
      ++all;
    }
  }
  out << good << " of " << all << " endpoints are good" << std::endl;
  return good == all ? exit_ok : exit_found;
}

}  // namespace entrepot::app
