// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/changes.h"

#include <algorithm>
#include <tuple>

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
  // Names say which endpoints get the credentials.
  const auto asked = [](const conf::Upstream& upstream) {
    return std::tie(upstream.endpoints, upstream.credentials, upstream.ca_file, upstream.proxy,
                    upstream.internal, upstream.token_hosts, upstream.aliases);
  };
  for (const auto& upstream : next.upstreams) {
    const auto* const before = find(now, upstream.name);
    if (before == nullptr) {
      changes.added.push_back(upstream.name);
      continue;
    }
    if (all || asked(*before) != asked(upstream)) changes.upstreams.push_back(upstream.name);
    changes.cache =
        changes.cache || before->tags != upstream.tags || before->restricted != upstream.restricted;
  }
  for (const auto& upstream : now.upstreams)
    if (find(next, upstream.name) == nullptr) changes.removed.push_back(upstream.name);
  changes.cache = changes.cache || !changes.added.empty() || !changes.removed.empty();
}

}  // namespace

Changes changes_between(const conf::Config& now, const conf::Config& next) {
  Changes changes;
  const auto transfers = [](const conf::Limits& limits) {
    return std::tie(limits.max_blob, limits.transfers_per_blob);
  };
  changes.cache = now.cache != next.cache || transfers(now.limits) != transfers(next.limits);
  changes.log_level = now.log.level != next.log.level;
  compare_upstreams(now, next, changes);
  changes.keys = conf::differences(conf::key_values(now), conf::key_values(next));
  std::erase_if(changes.keys, [](const conf::Difference& one) { return one.key == "listen"; });
  return changes;
}

}  // namespace entrepot::app
