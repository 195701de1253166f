// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "cache/inspection.h"
#include "cache/options.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

/// A cache that no process serves from, opened to be looked at. Everything happens on the calling
/// thread.
class OfflineCache {
 public:
  /// Throws as Cache does, OpenLaterError where a process uses it; and OpenError where there is
  /// none: nothing is created.
  explicit OfflineCache(Options options);
  ~OfflineCache();
  OfflineCache(const OfflineCache&) = delete;
  OfflineCache& operator=(const OfflineCache&) = delete;

  Inspection& inspection();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace entrepot::cache
