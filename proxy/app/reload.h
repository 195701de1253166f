// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "conf/config.h"
#include "conf/load.h"
#include "proxy/app/fetch_sources.h"

namespace entrepot::app {

/// A part of a new configuration that has been read and is ready for use.
struct PreparedListeners {
  std::vector<std::string> certificates;  ///< listeners with other ones
  std::vector<std::string> rules;         ///< listeners with other users, tokens or access rules
  std::vector<std::string> warnings;
  std::function<void()> use;

  bool changed() const { return !certificates.empty() || !rules.empty(); }
  /// "new certificates on https://…; new access rules on …": for the log.
  std::string text() const;
};

/// Applies a changed configuration to the running process. Control loop only, once it runs.
class Reload {
 public:
  using Prepare = std::function<PreparedListeners(const conf::Config& next)>;

  /// `load` reads the configuration and throws conf::ConfigError if it cannot be used; null: the
  /// process does not reload. `prepare` reads the files of the listeners and throws
  /// conf::ConfigError if one cannot be used. `config` is the present configuration. `sources` and
  /// `cache` outlive this; `control` is the loop of run().
  Reload(const conf::Config& config, std::function<conf::Loaded()> load, Prepare prepare,
         loop::Loop& control, FetchSources& sources, cache::Cache& cache);
  Reload(const Reload&) = delete;
  Reload& operator=(const Reload&) = delete;

  bool enabled() const { return load_ != nullptr; }
  /// Reads the configuration and applies what can change without a restart; the log names the rest.
  /// False: the configuration cannot be used, the log says why, and nothing has changed.
  /// REQUIRES: enabled().
  bool run();

 private:
  void apply(const conf::Config& next);

  const std::function<conf::Loaded()> load_;
  const Prepare prepare_;
  loop::Loop& control_;
  FetchSources& sources_;
  cache::Cache& cache_;
  conf::Config current_;  // without passwords
};

}  // namespace entrepot::app
