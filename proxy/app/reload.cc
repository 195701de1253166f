// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/reload.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>

#include "conf/named_files.h"
#include "metrics/log.h"
#include "proxy/app/command/component_options.h"
#include "proxy/app/joined.h"
#include "proxy/app/restart_keys/restart_keys.h"
#include "proxy/loop/after_all.h"

namespace entrepot::app {
namespace {

/// The lines of one reload; a file that is another one altogether would hide all other lines.
constexpr std::size_t most_lines = 50;

template <typename Tell>
void tell_each(const std::vector<conf::Difference>& changes, Tell tell) {
  const auto told = std::min(changes.size(), most_lines);
  for (std::size_t i = 0; i < told; ++i) tell(conf::text_of(changes[i]));
  if (told < changes.size()) tell("and " + std::to_string(changes.size() - told) + " more keys");
}

/// Logs a line for each key that differs. `config`: what the process has of `next`. Returns how
/// many keys and files need a restart.
std::size_t tell_changes(const Changes& changes, const conf::Config& config,
                         const conf::Config& next) {
  tell_each(changes.keys, [](const std::string& text) { log::info("SIGHUP: {}", text); });
  const auto later = conf::differences(conf::key_values(config), conf::key_values(next));
  tell_each(later, [](const std::string& text) {
    log::warn("SIGHUP: takes effect at the next start: {}", text);
  });
  const auto stale = conf::stale_files(next);
  for (const auto& file : stale)
    log::warn("SIGHUP: takes effect at the next start: {}", text_of_stale(file));
  return later.size() + stale.size();
}

std::string summary(const Changes& changes, const PreparedListeners& listeners, std::size_t later) {
  const bool none = changes.keys.empty() && !listeners.changed();
  std::string line = none ? "nothing has changed" : "the new configuration is in force";
  const auto tell = [&line](std::string_view what, const std::vector<std::string>& names) {
    if (!names.empty()) line.append("; upstreams ").append(what).append(": ") += joined(names);
  };
  tell("added", changes.added);
  tell("removed", changes.removed);
  tell("changed", changes.upstreams);
  if (listeners.changed()) line += "; " + listeners.text();
  if (later > 0) line += "; keys that need a restart: " + std::to_string(later);
  return line;
}

}  // namespace

Reload::Reload(const conf::Config& config, Load load, Parts parts)
    : load_(std::move(load)), parts_(std::move(parts)), current_(marked(config)) {}

conf::Config Reload::marked(conf::Config config) const {
  conf::for_each_password(config, [this](std::string& password) {
    const auto mark = marks_.of(password);
    wipe(password);
    password = mark;
  });
  return config;
}

void Reload::run(const Ended& ended) {
  parts_.control.assert_in_loop();
  try {
    auto loaded = load_();
    for (const auto& warning : loaded.warnings) log::warn("{}", warning);
    const auto line = apply(loaded.config);
    conf::forget_passwords(loaded.config);
    refusal_.clear();
    return loop::after_all(parts_.workers, parts_.control, [this, line, ended] {
      log::info("SIGHUP: {}", line);
      parts_.metrics.reloads(metrics::ReloadResult::done).add();
      ended(true);
    });
  } catch (const conf::ConfigError& error) {
    for (const auto& line : error.lines()) log::error("{}", line);
    refusal_ = joined(error.lines());
    log::error("SIGHUP: the configuration is invalid; the previous one stays in force");
  } catch (const std::exception& error) {
    log::error("SIGHUP: {}; the previous configuration stays in force", error.what());
    refusal_ = error.what();
  }
  parts_.metrics.reloads(metrics::ReloadResult::refused).add();
  ended(false);
}

/// Throws, before it changes anything, if an upstream, an address or a certificate cannot be used
/// as configured.
std::string Reload::apply(const conf::Config& next) {
  auto config = until_restart(current_, next);
  const auto next_marked = marked(next);
  auto config_marked = until_restart(current_, next_marked);
  const auto changes = changes_between(current_, config_marked);
  const auto use_sources = parts_.sources.prepare(config, changes);
  auto names = registry_options(config);
  parts_.registry.verify(names);
  const auto listeners = parts_.prepare(config);
  for (const auto& warning : listeners.warnings) log::warn("{}", warning);
  // First, because it may throw: the kernel can refuse to listen.
  listeners.use();
  // In the order in which a request for a new upstream needs them. One that goes is still used by
  // the requests that have begun.
  if (changes.cache) parts_.cache.reconfigure(cache_options(config));
  use_sources();
  parts_.sources.hold_for(names);
  parts_.registry.use(names);
  const auto later = tell_changes(changes, config_marked, next_marked);
  if (changes.log_level) log::set_level(config.log.level);
  current_ = std::move(config_marked);
  conf::forget_passwords(config);
  return summary(changes, listeners, later);
}

}  // namespace entrepot::app
