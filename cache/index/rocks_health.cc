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
  if (status.IsNoSpace() || full_) {
    if (!full_.exchange(true)) {
      log::error(
          "index: writing failed: {}; nothing new is kept until there is room again under the "
          "cache directory",
          status.ToString());
    }
  } else if (healthy_.exchange(false)) {
    log::error(
        "index: writing failed: {}; nothing new is kept from now on. This process will ask for "
        "a restart as soon as the cache directory can be written",
        status.ToString());
  }
  return false;
}

bool RocksHealth::recover() {
  if (!full_ || !healthy()) return true;
  if (!resume_()) return false;
  full_ = false;
  log::info("index: the disk has space again");
  return true;
}

void RocksHealth::fail_permanently() { healthy_ = false; }

}  // namespace entrepot::cache
