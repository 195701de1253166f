// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/reload.h"

#include <exception>
#include <string>
#include <utility>

#include "metrics/log.h"
#include "proxy/app/changes.h"
#include "proxy/app/command/component_options.h"
#include "proxy/app/joined.h"

namespace entrepot::app {

Reload::Reload(const conf::Config& config, std::function<conf::Loaded()> load, Prepare prepare,
               loop::Loop& control, FetchSources& sources, cache::Cache& cache,
               const metrics::Metrics& metrics)
    : load_(std::move(load)),
      prepare_(std::move(prepare)),
      control_(control),
      sources_(sources),
      cache_(cache),
      metrics_(metrics),
      current_(marked(config)) {}

conf::Config Reload::marked(conf::Config config) const {
  conf::for_each_password(config, [this](std::string& password) {
    const auto mark = marks_.of(password);
    wipe(password);
    password = mark;
  });
  return config;
}

bool Reload::run() {
  control_.assert_in_loop();
  try {
    auto loaded = load_();
    for (const auto& warning : loaded.warnings) log::warn("{}", warning);
    apply(loaded.config);
    current_ = marked(std::move(loaded.config));
    metrics_.reloads(metrics::ReloadResult::done).add();
    return true;
  } catch (const conf::ConfigError& error) {
    for (const auto& line : error.lines()) log::error("{}", line);
    log::error("SIGHUP: the configuration is invalid; the previous one stays in force");
  } catch (const std::exception& error) {
    log::error("SIGHUP: {}; the previous configuration stays in force", error.what());
  }
  metrics_.reloads(metrics::ReloadResult::refused).add();
  return false;
}

/// Throws, before it changes anything, if an upstream, an address or a certificate cannot be used
/// as configured.
void Reload::apply(const conf::Config& next) {
  const auto changes = changes_between(current_, marked(next));
  const auto use_sources = sources_.prepare(next, changes.upstreams);
  const auto listeners = prepare_(next);
  for (const auto& warning : listeners.warnings) log::warn("{}", warning);
  // First, because it may throw: the kernel can refuse to listen.
  listeners.use();
  use_sources();
  if (changes.cache) cache_.reconfigure(cache_options(next));
  if (changes.log_level) log::set_level(next.log.level);
  if (!changes.later.empty())
    log::warn("SIGHUP: these changes take effect at the next start: {}", joined(changes.later));
  const bool none = changes.none() && !listeners.changed();
  log::info("SIGHUP: {}{}{}", none ? "nothing has changed" : "the new configuration is in force",
            changes.upstreams.empty() ? "" : "; upstreams changed: " + joined(changes.upstreams),
            listeners.changed() ? "; " + listeners.text() : "");
}

}  // namespace entrepot::app
