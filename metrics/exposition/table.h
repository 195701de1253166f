// SPDX-License-Identifier: Apache-2.0
// Every metric of the process: name, help, type and labels. Private to metrics/. Documents and
// dashboards follow table.cc.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace entrepot::metrics {

enum class Id : std::size_t {
  requests,
  not_hit,
  response_bytes,
  request_duration,
  time_to_first_byte,
  connections,
  connections_limit,
  connections_refused,
  clients_limited,
  forwarded_clients,
  flights,
  upstream_requests,
  upstream_bytes,
  upstream_time_to_first_byte,
  endpoint_up,
  endpoint_failures,
  endpoint_rate,
  hedges,
  ratelimit_remaining,
  ratelimit_limit,
  accounts_denied,
  transfers,
  transfers_queued,
  transfers_dropped,
  cache_bytes,
  cache_max_bytes,
  cache_objects,
  cache_no_room,
  disk_free_bytes,
  disk_reserve_bytes,
  index_memory_bytes,
  index_live_bytes,
  index_dead_bytes,
  index_compactions,
  cache_evicted_bytes,
  cache_evictions,
  digest_mismatches,
  fills_resumed,
  repeated_reads,
  last_request,
  disk_errors,
  bypass,
  scrubbed_bytes,
  scrub_progress,
  log_dropped,
  loop_lag,
  store_jobs_queued,
  job_failures,
  logins,
  access_refused,
  denials,
  handovers,
  reloads,
  jwt_key_fetches,
  jwt_issuers_failing,
  tls_handshakes,
  tls_kernel_connections,
  tls_certificate_end,
  build_info,
  process_cpu,
  process_memory,
  process_open_fds,
  process_max_fds,
  process_start_time,
};
inline constexpr std::size_t id_count = static_cast<std::size_t>(Id::process_start_time) + 1;

enum class Type { counter, gauge, histogram };

struct Description {
  Id id;
  std::string_view name;
  Type type;
  std::array<std::string_view, 4> labels;  ///< unused ones are empty
  std::string_view help;
};

/// In the order of Id.
std::span<const Description, id_count> descriptions();

}  // namespace entrepot::metrics
