// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "conf/config.h"
#include "conf/load.h"
#include "metrics/metrics.h"
#include "proxy/app/changes.h"
#include "proxy/app/deny/denial_pattern.h"
#include "proxy/app/fetch_sources.h"
#include "proxy/app/listeners/prepared_listeners.h"
#include "proxy/base/secret.h"
#include "proxy/registry/registry.h"

namespace entrepot::app {

/// Applies a changed configuration to the running process. Control loop only, once it runs.
class Reload {
 public:
  /// The parts that a configuration changes; they outlive this.
  struct Parts {
    loop::Loop& control;
    std::vector<loop::Loop*> workers;  ///< serve loops and fetch loops
    /// Binds the new listeners and reads the files of all; throws if that fails
    /// (ClientListeners::prepare()).
    std::function<PreparedListeners(const conf::Config& next)> prepare;
    FetchSources& sources;
    cache::Cache& cache;
    registry::Registry& registry;
    const metrics::Metrics& metrics;
  };
  /// Reads the configuration; throws conf::ConfigError if it cannot be used.
  using Load = std::function<conf::Loaded()>;
  using Ended = std::function<void(bool done)>;

  /// `load` null: the process does not reload. `config` is the present configuration.
  Reload(const conf::Config& config, Load load, Parts parts);
  Reload(const Reload&) = delete;
  Reload& operator=(const Reload&) = delete;

  bool enabled() const { return load_ != nullptr; }
  /// The upstreams in force, for denials.
  std::vector<DenialUpstream> upstreams() const { return denial_upstreams(current_); }
  /// Why the configuration of the last run() is not used; empty if it is. Control loop only.
  const std::string& refusal() const { return refusal_; }
  /// Reads the configuration and applies what can change without a restart. The log has a line for
  /// each change, also for those that need a restart, and one at the end, when every loop uses the
  /// new configuration; then `ended(true)` is called on the control loop. `ended(false)`: the
  /// configuration cannot be used, the log says why, and nothing has changed. REQUIRES: enabled().
  void run(const Ended& ended);

 private:
  /// Returns the last line of the log.
  std::string apply(const conf::Config& next);
  /// `config` with the mark of each password in its place, so that changes_between() sees a change.
  conf::Config marked(conf::Config config) const;

  const Load load_;
  const Parts parts_;
  const SecretMarks marks_;
  conf::Config current_;  // in force, with marks in place of the passwords
  std::string refusal_;
};

}  // namespace entrepot::app
