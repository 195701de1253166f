// SPDX-License-Identifier: Apache-2.0
#include "cache/space/storage.h"

#include <string>
#include <utility>
#include <vector>

#include "cache/index/layout.h"
#include "cache/space/room.h"

namespace entrepot::cache {
namespace {

std::vector<std::string> upstream_names(const Options& options, bool restricted) {
  std::vector<std::string> names;
  for (const auto& [name, policy] : options.upstreams)
    if (policy.restricted == restricted) names.push_back(name);
  return names;
}

}  // namespace

Storage::Storage(Options options_in, const Clock& clock, const metrics::Metrics& metrics,
                 JobQueue& store_pool)
    : options(with_sizes(std::move(options_in))),
      limits(options),
      origins(upstream_names(options, true), upstream_names(options, false)),
      pins(options.pins),
      index_writes(store_pool),
      files(Layout(options.directory), metrics),
      disk(Layout(options.directory)),
      rocks(Layout(options.directory).index(), options.max_size, metrics),
      environment{options, clock, metrics, store_pool, index_writes, rocks, lifecycle, limits},
      health(clock, options.directory),
      notes(environment, origins, files),
      store(environment, origins, files, health),
      links(environment, origins, store, pins),
      tags(options),
      index_room(environment, disk, store, [this] { budget.publish_gauges(); }),
      evictor(environment, store, files, notes, pins, index_room),
      budget(environment, disk, store, files, health, index_room, evictor) {
  store.set_time(clock.wall());
}

void use_upstreams(Storage& storage, const Options& options) {
  storage.tags.set_freshness(options);
  storage.links.set_upstreams(options);
  storage.origins.configure(upstream_names(options, true), upstream_names(options, false));
}

}  // namespace entrepot::cache
