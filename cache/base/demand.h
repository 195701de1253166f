// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace entrepot::cache {

/// The current demand for the data of a fetch. Clients arrive and disconnect while the fetch waits
/// in a queue and while it runs. Called on the thread of the fetch.
class Demand {
 public:
  enum class Level : std::uint8_t {
    /// No data has arrived and all requesters have disconnected: the request need not be sent.
    nobody,
    /// No client waits for the data, but it is useful: the fetch has lower priority than awaited
    /// ones.
    background,
    /// A client waits for the data, or reads it while it arrives.
    awaited,
  };

  virtual ~Demand() = default;
  virtual Level level() const = 0;
  /// True if the remainder of a fetch that is not awaited is so large that the fetch should stop
  /// when it delays others. The data received so far is kept.
  virtual bool expendable() const { return false; }
};

/// True if a client waits for the data. A null `demand` means that a client waits throughout.
inline bool is_awaited(const Demand* demand) {
  return demand == nullptr || demand->level() == Demand::Level::awaited;
}

}  // namespace entrepot::cache
