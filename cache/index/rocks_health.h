// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "cache/index/index_state.h"
#include "metrics/metrics.h"
#include "metrics/phase_variable.h"

namespace rocksdb {
class Status;
}

namespace entrepot::cache {

/// Records whether the index takes writes; index_state.h has the diagram. Thread-safe.
///
/// RocksDB refuses every write after an I/O error on its log, so that only another process can
/// continue after "failed". A write that reported failure may still take effect after a restart;
/// all writes of the index are idempotent.
class RocksHealth {
 public:
  /// `resume` lets RocksDB write again and returns false if a test write fails.
  RocksHealth(metrics::Counter errors, std::function<bool()> resume);

  /// Records the result of a write. Returns true if it succeeded.
  bool written(const rocksdb::Status& status);
  /// After writes failed because the disk was full: tests whether it has space again. Returns false
  /// if not. Blocks.
  bool recover();
  /// Reports that the index does not recover although the disk has space. The effect is that of any
  /// other failed write.
  void fail_permanently();

  /// Refuses all writes from now on. False if the index has failed.
  bool release();

  bool healthy() const { return !failed() && !released(); }
  bool failed() const { return state_.is(IndexState::failed); }
  bool released() const { return state_.is(IndexState::released); }
  /// False while writes are refused, including those refused because the disk is full.
  bool accepts_writes() const { return state_.is(IndexState::healthy); }

 private:
  const metrics::Counter errors_;
  const std::function<bool()> resume_;
  AtomicPhaseVariable<IndexState> state_{IndexState::healthy};
};

}  // namespace entrepot::cache
