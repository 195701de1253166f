// SPDX-License-Identifier: Apache-2.0
// Converts the configuration into the options of each component; no other source knows both. Pure;
// any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cache/api/options.h"
#include "conf/config.h"
#include "metrics/log.h"
#include "metrics/metrics.h"
#include "proxy/http/client/client_shares.h"
#include "proxy/http/server.h"
#include "proxy/registry/request/options.h"
#include "proxy/upstream/endpoint/options.h"

namespace entrepot::app {

/// Docker Hub by any of its names: its rules belong to the content, wherever it is fetched from.
bool is_docker_hub(const conf::Upstream& upstream);

log::Options log_options(const conf::Config& config);
std::vector<metrics::UpstreamLabels> metric_labels(const conf::Config& config);
cache::Options cache_options(const conf::Config& config);
upstream::Options upstream_options(const conf::Config& config);
registry::Options registry_options(const conf::Config& config);
/// For clients at `address`, without `readers`.
http::ServerOptions server_options(const conf::Config& config, const std::string& address);
/// The share of each client, on all listeners.
http::ShareLimits share_limits(const conf::Config& config);
/// For the admin listener at `address`.
http::ServerOptions admin_options(const conf::Config& config, const std::string& address);

/// The number of threads for a configured number: 0 means one per core.
int thread_count(int configured);
/// Threads of the index: RocksDB's own, and those that open its tables at the start.
inline constexpr std::size_t threads_of_the_index = 20;
/// All threads that a server process starts, without the log's.
std::size_t threads_of(const conf::Config& config);

}  // namespace entrepot::app
