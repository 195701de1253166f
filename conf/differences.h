// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "conf/key_values.h"

namespace entrepot::conf {

/// One key that two configurations have with different values, or an entry that one of them has.
struct Difference {
  enum class Kind : std::uint8_t {
    changed,
    added,
    removed,
    moved  ///< the entries of a list, `key`, have another order
  };
  Kind kind;
  std::string key;            ///< KeyValue::key; of an entry, KeyValue::list
  std::string row;            ///< KeyValue::row
  std::string before, after;  ///< the values; an entry that has come or gone is in both
  bool secret = false;        ///< KeyValue::secret
  bool operator==(const Difference&) const = default;
};

/// The differences between the keys `before` and `after`: first the other values, then what has
/// come, gone and moved. An entry that comes or goes is one difference, with all of its keys. Pure.
std::vector<Difference> differences(const std::vector<KeyValue>& before,
                                    const std::vector<KeyValue>& after);

/// "limits.connections: 10000 -> 20000", "cache.pin: library/* added": one line for operators,
/// without secrets and control characters, of bounded length. Pure.
std::string text_of(const Difference& difference);

}  // namespace entrepot::conf
