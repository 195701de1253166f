// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/base/executor.h"
#include "proxy/http/exchange.h"

namespace entrepot::registry {

/// Header fields of every reply, for http::ServerOptions::common_fields. Includes rejections,
/// because old clients treat a server without Docker-Distribution-Api-Version as a v1 registry.
inline constexpr std::string_view common_fields =
    "Docker-Distribution-Api-Version: registry/2.0\r\n";

/// An upstream registry that clients may name.
struct UpstreamOptions {
  /// The configured name: "docker.io", "registry.example:5000". It identifies the upstream in the
  /// cache and in metrics.
  std::string name;
  /// Other names of the upstream, in `ns` or as a path prefix: "index.docker.io", "hub".
  std::vector<std::string> aliases = {};
  /// Inserts `library/` before a repository without '/', and treats "denied" as "no such
  /// repository".
  bool docker_hub = false;
  /// Marks replies as private to the client (`access: restricted` in the configuration).
  bool restricted = false;
  /// Lives as long as requests may be for this upstream: while it is configured, and then until the
  /// last one ends. May be null.
  std::shared_ptr<const void> in_use = {};
};

/// The settings of the registry API. proxy/app fills them from the configuration.
struct Options {
  std::vector<UpstreamOptions> upstreams;
  /// The upstream of requests that name none: a name or alias of `upstreams`. Empty: such requests
  /// receive NAME_UNKNOWN.
  std::string default_upstream;
  /// Answers `_catalog` with an empty list instead of 404.
  bool catalog = false;
  /// The name of this process in Via fields, different for each process: a request that contains it
  /// was here before.
  std::string id = "entrepot";
  /// Writes an access log line per exchange.
  bool access_log = true;
  unsigned access_sample = 1;  // AccessLog
};

}  // namespace entrepot::registry
