// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/registry/request/options.h"

namespace entrepot::registry {

/// A configured upstream.
struct Upstream {
  std::string name;
  bool docker_hub;
  bool restricted;
  const metrics::UpstreamMetrics* metrics;  ///< owned by the Metrics of the process
  bool operator==(const Upstream&) const = default;
};

/// All upstreams of a process, also those that are no longer configured, because requests in
/// progress refer to them. There are few: an upstream that comes again is the same one. One thread
/// at a time, but for the upstreams, which are constant.
class KnownUpstreams {
 public:
  const Upstream& remember(const Upstream& upstream);

 private:
  std::deque<Upstream> all_;  // with stable addresses
};

/// The configured upstreams by name and alias. A name from a client is only a key of this table,
/// never an address. Constant after construction; any thread.
class UpstreamTable {
 public:
  /// Throws std::invalid_argument, naming it, if a name belongs to two upstreams or the default to
  /// none. `known`: of the tables before it; the upstreams live as long as the last of these
  /// tables.
  UpstreamTable(const Options& options, const metrics::Metrics& metrics,
                std::shared_ptr<KnownUpstreams> known = std::make_shared<KnownUpstreams>());

  /// Finds an upstream by the exact name or alias in lower case, as in a path. Returns null if
  /// unknown.
  const Upstream* find(std::string_view name) const;

  /// Finds an upstream by a host, as in `ns`. Ignores case and the ports 443 and 80.
  const Upstream* find_host(std::string_view host) const;

  /// Null if none is configured.
  const Upstream* default_upstream() const { return default_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  const std::shared_ptr<KnownUpstreams> known_;
  std::unordered_map<std::string, const Upstream*, Hash, std::equal_to<>> by_name_;
  const Upstream* default_ = nullptr;
};

/// True for text that has the form of a host with or without a port, whether or not it exists.
bool looks_like_host(std::string_view text);

}  // namespace entrepot::registry
