// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/registry/options.h"

namespace entrepot::registry {

/// A configured upstream.
struct Upstream {
  std::string name;
  bool docker_hub;
  bool restricted;
  const metrics::UpstreamMetrics* metrics;  ///< owned by the Metrics of the process
};

/// The configured upstreams by name and alias: a closed world. What a client names is only ever a
/// key of this table, never an address. Constant after construction; any thread.
class UpstreamTable {
 public:
  /// Throws std::invalid_argument, naming it, when a name belongs to two upstreams or the default
  /// to none.
  UpstreamTable(const Options& options, const metrics::Metrics& metrics);

  /// By the exact name or alias in lower case, as in a path. Null when there is none.
  const Upstream* find(std::string_view name) const;

  /// By a host as in `ns`: case does not matter, and neither does the port 443 or 80.
  const Upstream* find_host(std::string_view host) const;

  /// Null when none is configured.
  const Upstream* default_upstream() const { return default_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  std::vector<Upstream> upstreams_;
  std::unordered_map<std::string, const Upstream*, Hash, std::equal_to<>> by_name_;
  const Upstream* default_ = nullptr;
};

/// True for text that can be a host with or without a port; says nothing of its existence.
bool looks_like_host(std::string_view text);

}  // namespace entrepot::registry
