// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/changes.h"

#include <algorithm>
#include <tuple>

#include "proxy/app/listeners/listener_plan.h"

namespace entrepot::app {
namespace {

const conf::Upstream* find(const conf::Config& config, const std::string& name) {
  const auto found = std::find_if(config.upstreams.begin(), config.upstreams.end(),
                                  [&](const auto& upstream) { return upstream.name == name; });
  return found == config.upstreams.end() ? nullptr : &*found;
}

void compare_upstreams(const conf::Config& now, const conf::Config& next, Changes& changes) {
  const auto transfers = [](const conf::Timeouts& timeouts) {
    return std::tie(timeouts.connect, timeouts.first_byte, timeouts.stall);
  };
  const bool all = transfers(now.timeouts) != transfers(next.timeouts);
  const auto asked = [](const conf::Upstream& upstream) {
    return std::tie(upstream.endpoints, upstream.credentials, upstream.ca_file, upstream.proxy,
                    upstream.internal, upstream.token_hosts);
  };
  const auto known = [](const conf::Upstream& upstream) {
    return std::tie(upstream.aliases, upstream.restricted);
  };
  for (const auto& upstream : next.upstreams) {
    const std::string key = "upstreams." + upstream.name;
    const auto* const before = find(now, upstream.name);
    if (before == nullptr) {
      changes.later.push_back(key);
      continue;
    }
    if (all || asked(*before) != asked(upstream)) changes.upstreams.push_back(upstream.name);
    if (known(*before) != known(upstream)) changes.later.push_back(key + " (aliases, access)");
    changes.cache = changes.cache || before->tags != upstream.tags;
  }
  for (const auto& upstream : now.upstreams)
    if (find(next, upstream.name) == nullptr) changes.later.push_back("upstreams." + upstream.name);
}

}  // namespace

Changes changes_between(const conf::Config& now, const conf::Config& next) {
  Changes changes;
  auto cache = now.cache;  // but for the directory
  cache.directory = next.cache.directory;
  changes.cache = cache != next.cache;
  changes.log_level = now.log.level != next.log.level;
  const auto later = [&](const char* key, bool differs) {
    if (differs) changes.later.emplace_back(key);
  };
  later("admin (address, mode, TLS on or off; until then all of it stays)",
        !same_admin_server(now.admin, next.admin));
  later("default_upstream", now.default_upstream != next.default_upstream);
  later("registry", now.registry != next.registry);
  later("cache.directory", now.cache.directory != next.cache.directory);
  later("threads", now.threads != next.threads);
  const auto clients = [](const conf::Timeouts& timeouts) {
    return std::tie(timeouts.header, timeouts.idle, timeouts.send, timeouts.drain);
  };
  later("timeouts (header, idle, send, drain)", clients(now.timeouts) != clients(next.timeouts));
  later("limits", now.limits != next.limits);
  auto log = now.log;  // but for the level
  log.level = next.log.level;
  later("log (format, access, access_file, access_sample)", log != next.log);
  compare_upstreams(now, next, changes);
  return changes;
}

}  // namespace entrepot::app
