// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace entrepot::cache {

/// Who waits for what a fetch brings, as of now: clients come and leave while it waits for its turn
/// and while it runs. Asked on the thread of the fetch.
class Demand {
 public:
  enum class Level : std::uint8_t {
    nobody,      ///< nothing of it has come, and all who asked have left: it need not be sent
    background,  ///< nobody waits for it, but it is of use: it goes behind what is awaited
    awaited,     ///< a client waits for it, or reads it while it arrives
  };

  virtual ~Demand() = default;
  virtual Level level() const = 0;
  /// Of one that is not awaited: so much is left that it should end, and what has come be kept,
  /// where it keeps others waiting.
  virtual bool expendable() const { return false; }
};

/// Whether a client waits for it; null: one does throughout.
inline bool is_awaited(const Demand* demand) {
  return demand == nullptr || demand->level() == Demand::Level::awaited;
}

}  // namespace entrepot::cache
