// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "proxy/upstream/running.h"

namespace entrepot::upstream {

/// Which transfer of an upstream goes out next, where not all may at once: urgent ones always;
/// then, of those that somebody waits for, one of the repository that has the fewest under way, so
/// that a large image does not keep others waiting; background ones when nobody else waits, and
/// never in more than half of the slots, until they have waited so long that somebody may wait for
/// them by now. Loop thread only.
class TransferQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// In the background.
  static constexpr std::chrono::seconds longest_wait{5};

  /// `slots`: transfers at once, urgent ones besides.
  explicit TransferQueue(std::size_t slots) : slots_(slots) {}

  void add(std::unique_ptr<Running> running, Time now);
  /// Takes out the one that goes out now; null while there is none. ended() gives its slot back.
  std::unique_ptr<Running> next(Time now);
  void ended(const Running& running);
  /// Forgets one that waits; nothing happens to one that does not.
  void drop(const Running& running);

  std::size_t size() const { return waiting_.size(); }
  bool empty() const { return waiting_.empty(); }

 private:
  struct Waiting {
    std::unique_ptr<Running> running;
    Time since;
  };
  enum class Kind : std::uint8_t { urgent, awaited, background };

  static Kind kind_of(const Waiting& waiting, Time now);
  bool may_go(Kind kind) const;
  std::size_t under_way(const Running& running) const;

  const std::size_t slots_;
  std::size_t used_ = 0;
  std::size_t used_in_background_ = 0;
  std::map<std::string, std::size_t> under_way_;  ///< by repository; without zeroes
  std::list<Waiting> waiting_;                    ///< in the order they came
};

}  // namespace entrepot::upstream
