// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/executor.h"
#include "proxy/http/exchange.h"

namespace entrepot::registry {

/// Fields of every reply, for http::ServerOptions::common_fields (protocol notes 1.1: on refusals
/// too; old clients take a server without it for a v1 registry).
inline constexpr std::string_view common_fields =
    "Docker-Distribution-Api-Version: registry/2.0\r\n";

/// A registry that clients may name.
struct UpstreamOptions {
  /// As configured: "docker.io", "registry.example:5000". What the cache and the metrics know it
  /// by.
  std::string name;
  /// Other names of it, in `ns` or as a path prefix: "index.docker.io", "hub".
  std::vector<std::string> aliases = {};
  /// `library/` goes before a repository without '/', and "denied" means "no such repository".
  bool docker_hub = false;
  /// Replies are marked private, for this client only (design: access "restricted").
  bool restricted = false;
};

/// proxy/app fills it from the configuration.
struct Options {
  std::vector<UpstreamOptions> upstreams;
  /// For requests that name none: a name or alias of `upstreams`. Empty: those get NAME_UNKNOWN.
  std::string default_upstream;
  /// Answer `_catalog` (with an empty list) instead of 404.
  bool catalog = false;
  /// Our name in Via fields, another one for each process: a request that bears it has been here.
  std::string id = "entrepot";
  /// Write a line per exchange.
  bool access_log = true;
  /// Where answers for an exchange are to be posted: the loop of the exchange, as an executor that
  /// outlives the registry. Called on that loop.
  std::function<cache::Executor&(const http::Exchange&)> executor_of;
};

}  // namespace entrepot::registry
