// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "cache/cache.h"
#include "conf/config.h"
#include "conf/load.h"
#include "metrics/metrics.h"
#include "proxy/app/fetch_sources.h"
#include "proxy/app/listeners/prepared_listeners.h"
#include "proxy/base/secret.h"

namespace entrepot::app {

/// Applies a changed configuration to the running process. Control loop only, once it runs.
class Reload {
 public:
  using Prepare = std::function<PreparedListeners(const conf::Config& next)>;

  /// `load` reads the configuration and throws conf::ConfigError if it cannot be used; null: the
  /// process does not reload. `prepare` binds the new listeners and reads the files of all, and
  /// throws if that fails (ClientListeners::prepare()). `config` is the present configuration.
  /// `sources`, `cache` and `metrics` outlive this; `control` is the loop of run().
  Reload(const conf::Config& config, std::function<conf::Loaded()> load, Prepare prepare,
         loop::Loop& control, FetchSources& sources, cache::Cache& cache,
         const metrics::Metrics& metrics);
  Reload(const Reload&) = delete;
  Reload& operator=(const Reload&) = delete;

  bool enabled() const { return load_ != nullptr; }
  /// Reads the configuration and applies what can change without a restart; the log names the rest.
  /// False: the configuration cannot be used, the log says why, and nothing has changed.
  /// REQUIRES: enabled().
  bool run();

 private:
  void apply(const conf::Config& next);
  /// `config` with the mark of each password in its place, so that changes_between() sees a change.
  conf::Config marked(conf::Config config) const;

  const std::function<conf::Loaded()> load_;
  const Prepare prepare_;
  loop::Loop& control_;
  FetchSources& sources_;
  cache::Cache& cache_;
  const metrics::Metrics& metrics_;
  const SecretMarks marks_;
  conf::Config current_;  // with marks in place of the passwords
};

}  // namespace entrepot::app
