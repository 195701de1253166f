// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/component_options.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <thread>

#include "conf/credentials.h"

namespace entrepot::app {
namespace {

/// Prometheus, a few probes, a person.
constexpr std::size_t admin_connections = 100;
/// Kept for them where clients use up all others.
constexpr std::size_t admin_descriptors = 8;

cache::TagPolicy tag_policy(const conf::Tags& tags) {
  cache::TagPolicy policy;
  policy.fresh_for = tags.fresh_for;
  policy.stale_for = tags.stale_for;
  for (const auto& rule : tags.rules) policy.rules.push_back({rule.match, rule.fresh_for});
  return policy;
}

upstream::OutgoingProxy outgoing_proxy(const conf::OutgoingProxy& configured) {
  const auto server = [](const conf::ProxyServer& one) {
    upstream::ProxyServer made{.url = one.url};
    if (one.account) made.account = {one.account->username, one.account->password};
    return made;
  };
  return {.for_https = server(configured.for_https),
          .for_http = server(configured.for_http),
          .ca_file = configured.ca_file ? configured.ca_file->string() : std::string(),
          .except = configured.except};
}

upstream::UpstreamOptions one_upstream(const conf::Upstream& configured) {
  upstream::UpstreamOptions options;
  options.name = configured.name;
  for (const auto& endpoint : configured.endpoints) {
    auto& made = options.endpoints.emplace_back(
        upstream::EndpointOptions{endpoint.url, endpoint.region, endpoint.ns, {}});
    const auto& credentials = conf::credentials_apply_to(configured, endpoint)
                                  ? configured.credentials
                                  : endpoint.credentials;
    for (const auto& credential : credentials)
      made.credentials.emplace_back(credential.username, credential.password);
  }
  if (configured.ca_file) options.ca_file = configured.ca_file->string();
  options.proxy = outgoing_proxy(configured.proxy);
  options.internal = configured.internal;
  options.token_hosts = configured.token_hosts;
  return options;
}

}  // namespace

bool is_docker_hub(const conf::Upstream& upstream) {
  static constexpr std::array<std::string_view, 3> names = {"docker.io", "index.docker.io",
                                                            "registry-1.docker.io"};
  const auto is_name = [](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return is_name(upstream.name) ||
         std::any_of(upstream.aliases.begin(), upstream.aliases.end(), is_name);
}

log::Options log_options(const conf::Config& config) {
  // Also without access lines: SIGHUP may begin them.
  const bool file = config.log.access_file.has_value();
  return {.level = config.log.level,
          .json = config.log.json,
          .access_file = file ? config.log.access_file->string() : std::string()};
}

std::vector<metrics::UpstreamLabels> metric_labels(const conf::Config& config) {
  std::vector<metrics::UpstreamLabels> labels;
  for (const auto& upstream : config.upstreams) {
    auto& label = labels.emplace_back(metrics::UpstreamLabels{upstream.name, {}});
    for (const auto& endpoint : upstream.endpoints)
      label.endpoints.push_back(upstream::endpoint_label(endpoint.url));
  }
  return labels;
}

cache::Options cache_options(const conf::Config& config) {
  cache::Options options;
  options.directory = config.cache.directory;
  options.max_blob = config.limits.max_blob;
  options.transfers_per_blob = config.limits.transfers_per_blob;
  options.max_size = config.cache.max_size.bytes;
  options.max_size_percent = config.cache.max_size.percent;
  options.reserve_free = config.cache.reserve_free.bytes;
  options.reserve_free_percent = config.cache.reserve_free.percent;
  options.pins = config.cache.pin;
  options.scrub_rate = config.cache.scrub_rate;
  for (const auto& upstream : config.upstreams)
    options.upstreams[upstream.name] = {tag_policy(upstream.tags), upstream.restricted};
  return options;
}

upstream::Options upstream_options(const conf::Config& config) {
  upstream::Options options;
  for (const auto& configured : config.upstreams)
    options.upstreams.push_back(one_upstream(configured));
  options.timeouts.connect = config.timeouts.connect;
  options.timeouts.first_byte = config.timeouts.first_byte;
  options.timeouts.stall = config.timeouts.stall;
  return options;
}

registry::Options registry_options(const conf::Config& config) {
  registry::Options options;
  for (const auto& upstream : config.upstreams)
    options.upstreams.push_back(
        {upstream.name, upstream.aliases, is_docker_hub(upstream), upstream.restricted});
  options.default_upstream = config.default_upstream;
  options.catalog = config.registry.catalog;
  options.access_log = config.log.access;
  options.access_sample = static_cast<unsigned>(config.log.access_sample);
  return options;
}

http::ServerOptions server_options(const conf::Config& config, const std::string& address) {
  http::ServerOptions options;
  options.address = address;
  options.header_timeout = config.timeouts.header;
  options.idle_timeout = config.timeouts.idle;
  options.send_timeout = config.timeouts.send;
  options.limits.connections = config.limits.connections;
  options.displaces = http::ServerOptions::Displaces::idle;
  options.limits.connections_each = config.limits.connections_per_client;
  options.common_fields = registry::common_fields;
  return options;
}

http::ShareLimits share_limits(const conf::Config& config) {
  return {.requests_each = config.limits.requests_per_client,
          .misses_each = config.limits.misses_per_client,
          .bandwidth_each = config.limits.bandwidth_per_client};
}

http::ServerOptions admin_options(const conf::Config& config, const std::string& address) {
  auto options = server_options(config, address);
  options.limits.connections = options.limits.connections_each = admin_connections;
  options.displaces = http::ServerOptions::Displaces::anybody;
  options.own_descriptors = admin_descriptors;
  options.common_fields.clear();
  return options;
}

int thread_count(int configured) {
  if (configured > 0) return configured;
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

std::size_t threads_of(const conf::Config& config) {
  constexpr int control_and_small_pools = 5;  // Threads: admin, login, operators, keys
  const int own = thread_count(config.threads.serve) + thread_count(config.threads.fetch) +
                  config.threads.store + control_and_small_pools;
  return static_cast<std::size_t>(own) + threads_of_the_index;
}

}  // namespace entrepot::app
