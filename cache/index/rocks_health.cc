// SPDX-License-Identifier: Apache-2.0
#include "cache/index/rocks_health.h"

#include <rocksdb/status.h>

#include <utility>

#include "metrics/log.h"

namespace entrepot::cache {

RocksHealth::RocksHealth(metrics::Counter errors, std::function<bool()> resume)
    : errors_(errors), resume_(std::move(resume)) {}

bool RocksHealth::written(const rocksdb::Status& status) {
  if (status.ok()) return true;
  errors_.add();
  if (status.IsNoSpace()) {
    if (state_.move(IndexState::healthy, IndexState::full)) {
      log::error(
          "index: writing failed: {}; nothing new is kept until there is room again under the "
          "cache directory",
          status.ToString());
    }
  } else if (state_.move(IndexState::healthy, IndexState::failed)) {
    log::error(
        "index: writing failed: {}; nothing new is kept from now on. This process will ask for "
        "a restart as soon as the cache directory can be written",
        status.ToString());
  }
  return false;
}

bool RocksHealth::recover() {
  if (!state_.is(IndexState::full)) return true;
  if (!resume_()) return false;
  if (state_.move(IndexState::full, IndexState::healthy))
    log::info("index: the disk has space again");
  return true;
}

bool RocksHealth::release() {
  return state_.move(IndexState::healthy, IndexState::released) ||
         state_.move(IndexState::full, IndexState::released);
}

void RocksHealth::fail_permanently() {
  if (!state_.move(IndexState::full, IndexState::failed))
    state_.move(IndexState::healthy, IndexState::failed);
}

}  // namespace entrepot::cache
