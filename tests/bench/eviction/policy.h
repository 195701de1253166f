// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "tests/bench/eviction/trace.h"

namespace entrepot::bench {

/// Decides who leaves a cache. The simulator knows what is kept and how many bytes it takes. `at`
/// is the place of the request in the trace; only the offline policies look at it.
class Policy {
 public:
  virtual ~Policy() = default;
  /// A hit.
  virtual void use(std::size_t at, Object object) = 0;
  /// There is no room: whether others should leave for this one. Policies that cannot see the
  /// future take everything.
  virtual bool displaces(std::size_t /*at*/, Object /*object*/) { return true; }
  virtual void admit(std::size_t at, Object object) = 0;
  /// Who leaves; called only while something is kept.
  virtual Object evict(std::size_t at) = 0;
};

}  // namespace entrepot::bench
