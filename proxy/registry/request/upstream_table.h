// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/registry/request/options.h"

namespace entrepot::registry {

/// A configured upstream. Constant; any thread. A request in progress owns the one that it is for,
/// which may no longer be configured.
struct Upstream {
  std::string name;
  bool docker_hub;
  bool restricted;
  metrics::UpstreamMetrics metrics;
  std::shared_ptr<const void> in_use;  ///< UpstreamOptions::in_use
  std::size_t name_hash;               ///< the same for each upstream that has this name
};
using UpstreamPtr = std::shared_ptr<const Upstream>;

/// The configured upstreams by name and alias. A name from a client is only a key of this table,
/// never an address. Constant after construction; any thread.
class UpstreamTable {
 public:
  /// Throws std::invalid_argument, naming it, if a name belongs to two upstreams or the default to
  /// none.
  UpstreamTable(const Options& options, const metrics::Metrics& metrics);

  // The references are valid as long as the table.
  /// Finds an upstream by the exact name or alias in lower case, as in a path. Returns null if
  /// unknown.
  const UpstreamPtr& find(std::string_view name) const;

  /// Finds an upstream by a host, as in `ns`. Ignores case and the ports 443 and 80.
  const UpstreamPtr& find_host(std::string_view host) const;

  /// Null if none is configured.
  const UpstreamPtr& default_upstream() const { return default_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  const UpstreamPtr none_;
  std::unordered_map<std::string, UpstreamPtr, Hash, std::equal_to<>> by_name_;
  UpstreamPtr default_;
};

/// True for text that has the form of a host with or without a port, whether or not it exists.
bool looks_like_host(std::string_view text);

}  // namespace entrepot::registry
