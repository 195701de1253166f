// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace entrepot::metrics {

class Metrics;

/// The main counters of the process since its start, summed over all upstreams. They are those of
/// /metrics, so that no other view of the process can differ from it. A plain value.
struct Counts {
  /// Requests of clients for blobs, manifests, tags and referrers.
  std::uint64_t requests = 0;
  /// Answered from the store: outcomes hit, revalidated and stale.
  std::uint64_t hits = 0;
  /// Answered with 5xx.
  std::uint64_t errors = 0;
  std::uint64_t served_bytes = 0;   ///< of bodies, to clients
  std::uint64_t fetched_bytes = 0;  ///< from upstreams
  std::uint64_t disk_errors = 0;    ///< entrepot_disk_errors_total
  std::uint64_t mismatches = 0;     ///< entrepot_digest_mismatches_total
  std::uint64_t changed = 0;        ///< stored objects removed because their bytes had changed
  std::uint64_t disk_full = 0;      ///< objects not stored for want of bytes or of files
  friend bool operator==(const Counts&, const Counts&) = default;

  Counts& operator+=(const Counts& other);
  Counts& operator-=(const Counts& other);
};

/// Any thread. Takes a lock for each upstream, and reads some thousand counters.
Counts counts_of(const Metrics& metrics);

}  // namespace entrepot::metrics
