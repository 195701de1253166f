// SPDX-License-Identifier: Apache-2.0
// State and services shared by all parts of the cache. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "cache/api/options.h"
#include "cache/base/clock.h"
#include "cache/base/executor.h"
#include "cache/index/rocks_index.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

/// The phase of the process between start and shutdown.
struct Lifecycle {
  /// The indexes in memory contain all records of RocksDB. Before that, only RocksDB shows that an
  /// object is absent, and nothing is evicted.
  std::atomic<bool> loaded{false};
  /// The last attempt to load the records was incomplete.
  std::atomic<bool> load_failed{false};
  /// The process is shutting down: long background work stops.
  std::atomic<bool> stopping{false};
  /// Size of all blob files at the end of the previous process, used while `loaded` is false.
  /// Bytes; set before the first request.
  std::uint64_t bytes_before = 0;
  /// Size of the blob files stored since the start. Bytes.
  std::atomic<std::uint64_t> bytes_since{0};
  /// After an unclean shutdown: blobs stored since this time are doubtful. By default no blob is.
  /// Set before the first request.
  WallTime doubtful_since = WallTime::max();
};

/// The limits that a reload of the configuration changes (Options).
struct Limits {
  explicit Limits(const Options& options)
      : max_size(options.max_size),
        reserve_free(options.reserve_free),
        scrub_rate(options.scrub_rate) {}
  void set(const Options& changed) {
    max_size = changed.max_size;
    reserve_free = changed.reserve_free;
    scrub_rate = changed.scrub_rate;
  }

  std::atomic<std::uint64_t> max_size;      ///< bytes
  std::atomic<std::uint64_t> reserve_free;  ///< bytes
  std::atomic<std::uint64_t> scrub_rate;    ///< bytes per second
};

/// References to the state above and to the services of the process. All must outlive every part of
/// the cache.
struct Environment {
  const Options& options;  ///< as of the start of the process
  const Clock& clock;
  const metrics::Metrics& metrics;
  JobQueue& store_pool;  ///< jobs that may block
  /// Jobs on `store_pool` that run one after another in the order posted: writes of tags, links and
  /// manifests, of which the last must win.
  JobQueue& index_writes;
  RocksIndex& rocks;
  Lifecycle& lifecycle;
  Limits& limits;
};

}  // namespace entrepot::cache
