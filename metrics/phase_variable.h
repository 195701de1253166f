// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string_view>

namespace entrepot {

/// Reports that the state machine `machine` makes a move that its diagram does not have. Ends the
/// process with exit code 70 in debug builds; writes a log line of level error in release builds.
/// Any thread.
void report_forbidden_transition(std::string_view machine, std::string_view from,
                                 std::string_view to);

/// The one variable that holds the state of a state machine. `Phase` is an enum class with three
/// functions beside it: may_follow(from, to), to_string(phase) and machine_of(phase), the name of
/// the machine for the log. One thread, or under one lock.
template <typename Phase>
class PhaseVariable {
 public:
  explicit PhaseVariable(Phase initial) : value_(initial) {}

  Phase get() const { return value_; }
  bool is(Phase phase) const { return value_ == phase; }
  /// The only way to move. See report_forbidden_transition() for a move that is not allowed;
  /// a release build makes it all the same.
  void enter(Phase next) {
    if (!may_follow(value_, next)) [[unlikely]]
      report_forbidden_transition(machine_of(next), to_string(value_), to_string(next));
    value_ = next;
  }

 private:
  Phase value_;
};

/// As PhaseVariable, for a state machine that several threads move. Thread-safe; get() and is() are
/// relaxed loads, so they order no other memory.
template <typename Phase>
class AtomicPhaseVariable {
 public:
  explicit AtomicPhaseVariable(Phase initial) : value_(initial) {}

  Phase get() const { return value_.load(std::memory_order_relaxed); }
  bool is(Phase phase) const { return get() == phase; }
  /// Moves from `from` to `to`. False, without a move, if another thread has left `from` before.
  /// See report_forbidden_transition() for a move that is not allowed.
  bool move(Phase from, Phase to) {
    if (!may_follow(from, to)) [[unlikely]]
      report_forbidden_transition(machine_of(to), to_string(from), to_string(to));
    return value_.compare_exchange_strong(from, to);
  }

 private:
  std::atomic<Phase> value_;
};

}  // namespace entrepot
