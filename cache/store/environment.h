// SPDX-License-Identifier: Apache-2.0
// State and services shared by all parts of the cache. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "cache/api/options.h"
#include "cache/base/clock.h"
#include "cache/base/executor.h"
#include "cache/index/rocks_index.h"
#include "metrics/metrics.h"
#include "metrics/mutex.h"

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

/// The bytes of `percent` of a file system of `total` bytes, rounded down.
constexpr std::uint64_t part_of(std::uint64_t total, int percent) {
  const auto part = static_cast<std::uint64_t>(percent);
  return total / 100 * part + total % 100 * part / 100;
}

/// The limits that a reload of the configuration changes (Options).
struct Limits {
  explicit Limits(const Options& options)
      : max_size(options.max_size),
        reserve_free(options.reserve_free),
        scrub_rate(options.scrub_rate),
        max_blob(options.max_blob),
        transfers_per_blob(options.transfers_per_blob),
        max_size_percent(options.max_size_percent),
        reserve_free_percent(options.reserve_free_percent) {}
  /// `total`: bytes of the file system.
  void set(const Options& changed, std::uint64_t total) {
    {
      const MutexLock lock(mutex);
      max_size_percent = changed.max_size_percent;
      reserve_free_percent = changed.reserve_free_percent;
      if (max_size_percent == 0) max_size = changed.max_size;
      if (reserve_free_percent == 0) reserve_free = changed.reserve_free;
    }
    follow(total);
    scrub_rate = changed.scrub_rate;
    max_blob = changed.max_blob;
    transfers_per_blob = changed.transfers_per_blob;
  }

  /// Adapts percentages to a file system that has `total` bytes now. True: a size has changed.
  bool follow(std::uint64_t total) {
    const MutexLock lock(mutex);
    const auto adapt = [total](std::atomic<std::uint64_t>& bytes, int percent) {
      return percent > 0 && bytes.exchange(part_of(total, percent)) != part_of(total, percent);
    };
    const bool grown = adapt(max_size, max_size_percent);
    return adapt(reserve_free, reserve_free_percent) || grown;
  }

  std::atomic<std::uint64_t> max_size;      ///< bytes
  std::atomic<std::uint64_t> reserve_free;  ///< bytes
  std::atomic<std::uint64_t> scrub_rate;    ///< bytes per second
  std::atomic<std::uint64_t> max_blob;      ///< bytes
  std::atomic<std::size_t> transfers_per_blob;

  Mutex mutex;  // so that an old percentage does not follow a new one
  int max_size_percent GUARDED_BY(mutex) = 0, reserve_free_percent GUARDED_BY(mutex) = 0;
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
