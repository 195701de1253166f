// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "cache/api/options.h"
#include "cache/upkeep/cache_admin.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

/// A cache that no process serves from, opened for administration. Everything runs on the calling
/// thread.
class OfflineCache {
 public:
  /// Throws as Cache does: OpenLaterError if another process uses the directory, and OpenError if
  /// it contains no cache. Creates nothing.
  explicit OfflineCache(Options options);
  ~OfflineCache();
  OfflineCache(const OfflineCache&) = delete;
  OfflineCache& operator=(const OfflineCache&) = delete;

  CacheAdmin& admin();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace entrepot::cache
