// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "cache/base/extents.h"
#include "cache/fill/rules/grains.h"

namespace entrepot::cache {

/// How many bytes to fetch beyond a requested range: none at first, one grain and then twice as
/// many each time a request continues where an earlier one ended, or up to a grain further on. Pure
/// arithmetic. One thread.
class ReadAhead {
 public:
  static constexpr std::uint64_t max = 4 << 20;

  /// Bytes to fetch beyond `span`, which a client requests now.
  std::uint64_t next(const Span& span) {
    const bool continues =
        last_end_ > 0 && span.end > last_end_ && span.begin <= last_end_ + ahead_ + grain;
    ahead_ = continues ? std::min(std::max(ahead_ * 2, grain), max) : 0;
    last_end_ = span.end;
    return ahead_;
  }

 private:
  std::uint64_t last_end_ = 0;  ///< of the latest range; 0 before the first
  std::uint64_t ahead_ = 0;
};

}  // namespace entrepot::cache
