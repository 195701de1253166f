// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>

#include "metrics/metrics.h"

namespace rocksdb {
class Status;
}

namespace entrepot::cache {

/// Records whether the index takes writes. Thread-safe.
///
///   healthy ──the disk is full──► full ──recover()──► healthy
///      └────────any other failed write──────┴───────► failed
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

  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  /// False while writes are refused, including those refused because the disk is full.
  bool accepts_writes() const { return healthy() && !full_.load(std::memory_order_relaxed); }

 private:
  const metrics::Counter errors_;
  const std::function<bool()> resume_;
  std::atomic<bool> healthy_{true};
  std::atomic<bool> full_{false};
};

}  // namespace entrepot::cache
