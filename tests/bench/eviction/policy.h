// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "tests/bench/eviction/trace.h"

namespace entrepot::bench {

/// Chooses the objects to evict from a cache. The simulator knows the kept objects and how many
/// bytes they take. `at` is the place of the request in the trace; only the offline policies look
/// at it.
class Policy {
 public:
  virtual ~Policy() = default;
  /// A hit.
  virtual void use(std::size_t at, Object object) = 0;
  /// Says, when there is no room, whether the cache evicts others for this object. Policies that
  /// cannot see the future take everything.
  virtual bool displaces(std::size_t /*at*/, Object /*object*/) { return true; }
  virtual void admit(std::size_t at, Object object) = 0;
  /// Chooses the object to evict; called only while at least one is kept.
  virtual Object evict(std::size_t at) = 0;
};

}  // namespace entrepot::bench
