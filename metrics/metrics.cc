// SPDX-License-Identifier: Apache-2.0
// Families contains all series. It is built once, and only upstreams and their endpoints change,
// whose series belong to their users as well. So handles are plain pointers, and counting needs
// neither a lock nor a look-up. Scrapes read the same atomics.
#include "metrics/metrics.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "metrics/exposition/code_series.h"
#include "metrics/exposition/exposition.h"
#include "metrics/exposition/process.h"
#include "metrics/exposition/series.h"
#include "metrics/log.h"
#include "metrics/mutex.h"
#include "metrics/version.h"

namespace entrepot::metrics {
namespace {

constexpr std::string_view no_upstream = "none";

/// Common combinations, which exist at zero so that rates and alerts have a first sample. All
/// others would add thousands of series that always remain zero.
bool usual(Kind kind, Outcome outcome, int code) {
  if (kind == Kind::ping) return outcome == Outcome::hit && code == 200;
  if (outcome == Outcome::refused) return code == 400 || code == 404 || code == 405;
  if (outcome == Outcome::tls) return kind == Kind::other && code == 0;
  if (kind == Kind::other) return false;
  if (outcome == Outcome::error) return code == 404 || code == 502 || code == 503;
  return code == 200;
}

bool is_content(Kind kind) { return kind != Kind::ping && kind != Kind::other; }

/// As the hit ratio of the dashboard.
bool from_store(Outcome outcome) {
  return outcome == Outcome::hit || outcome == Outcome::revalidated || outcome == Outcome::stale;
}

std::string_view outcome_word(std::size_t outcome) { return words<Outcome>[outcome]; }

}  // namespace

void Histogram::observe(std::chrono::nanoseconds duration) const {
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto bucket = std::lower_bound(bucket_bounds.begin(), bucket_bounds.end(), seconds);
  series_->counts[static_cast<std::size_t>(bucket - bucket_bounds.begin())].fetch_add(
      1, std::memory_order_relaxed);
  if (duration.count() > 0)
    series_->nanoseconds.fetch_add(static_cast<std::uint64_t>(duration.count()),
                                   std::memory_order_relaxed);
}

// --- One upstream -----------------------------------------------------------------------------

struct UpstreamMetrics::Series {
  std::array<std::array<CodeSeries, count_of<Outcome>>, count_of<Kind>> requests{};
  std::array<CounterSeries, count_of<Outcome>> bytes{};
  EnumSeries<CounterSeries, AnswerReason> not_hit;
  GaugeSeries transfers{0}, transfers_queued{0};
  EnumSeries<CounterSeries, TransferDrop> transfers_dropped;
  Mutex mutex;
  std::map<std::string, EndpointMetrics, std::less<>> endpoints GUARDED_BY(mutex);
  Counts gone GUARDED_BY(mutex);  // of the endpoints that it has no more

  static void add(Counts& counts, const EndpointMetrics& endpoint) {
    counts.fetched_bytes += endpoint.bytes().value();
    counts.mismatches += endpoint.digest_mismatches().value();
  }

  Counts counts();
  void set_endpoints(const std::vector<std::string>& endpoints);

  void write_endpoints(Exposition& out, std::string_view upstream) {
    const MutexLock lock(mutex);
    for (const auto& [label, metrics] : endpoints) metrics.write(out, upstream, label);
  }

  void write(Exposition& out, std::string_view upstream) const {
    for_kinds_and_codes([&](auto kind, auto code) {
      for (std::size_t outcome = 0; outcome < count_of<Outcome>; ++outcome) {
        const auto& series = requests[kind][outcome][code];
        if (series > 0 ||
            usual(static_cast<Kind>(kind), static_cast<Outcome>(outcome), code_at(code)))
          out.add(Id::requests, {upstream, kind_word(kind), outcome_word(outcome), code_word(code)},
                  series);
      }
    });
    for (std::size_t i = 0; i < count_of<Outcome>; ++i)
      out.add(Id::response_bytes, {upstream, outcome_word(i)}, bytes[i]);
    out.add_each(Id::not_hit, not_hit, upstream);
    out.add(Id::transfers, {upstream}, transfers);
    out.add(Id::transfers_queued, {upstream}, transfers_queued);
    out.add_each(Id::transfers_dropped, transfers_dropped, upstream);
  }
};

Counts UpstreamMetrics::Series::counts() {
  const MutexLock lock(mutex);
  Counts counts = gone;
  for (const auto& [label, endpoint] : endpoints) add(counts, endpoint);
  for_kinds_and_codes([&](auto kind, auto code) {
    if (!is_content(static_cast<Kind>(kind))) return;
    for (std::size_t outcome = 0; outcome < count_of<Outcome>; ++outcome) {
      const auto number = requests[kind][outcome][code].load(std::memory_order_relaxed);
      counts.requests += number;
      if (from_store(static_cast<Outcome>(outcome))) counts.hits += number;
      if (code_at(code) >= 500) counts.errors += number;
    }
  });
  for (const auto& series : bytes) counts.served_bytes += series.load(std::memory_order_relaxed);
  return counts;
}

void UpstreamMetrics::request(Kind kind, Outcome outcome, int code) const {
  series_->requests[index_of(kind)][index_of(outcome)][code_index(code)].fetch_add(
      1, std::memory_order_relaxed);
}
Counter UpstreamMetrics::response_bytes(Outcome outcome) const {
  return Counter(&series_->bytes[index_of(outcome)]);
}
void UpstreamMetrics::not_hit(AnswerReason reason) const {
  series_->not_hit[reason].fetch_add(1, std::memory_order_relaxed);
}
Gauge UpstreamMetrics::transfers() const { return Gauge(&series_->transfers); }
Gauge UpstreamMetrics::transfers_queued() const { return Gauge(&series_->transfers_queued); }

Counter UpstreamMetrics::transfers_dropped(TransferDrop reason) const {
  return Counter(&series_->transfers_dropped[reason]);
}

void UpstreamMetrics::Series::set_endpoints(const std::vector<std::string>& labels) {
  const MutexLock lock(mutex);
  std::map<std::string, EndpointMetrics, std::less<>> next;
  for (const auto& label : labels) {
    const auto known = endpoints.find(label);
    next.emplace(label, known == endpoints.end() ? EndpointMetrics() : known->second);
  }
  for (const auto& [label, endpoint] : endpoints)
    if (!next.contains(label)) add(gone, endpoint);
  endpoints = std::move(next);
}

// --- TLS of the listeners ---------------------------------------------------------------------

struct TlsMetrics::Series {
  EnumSeries<CounterSeries, TlsHandshake> handshakes;
  CounterSeries kernel_connections{0};
  Mutex mutex;
  CertificateEnds certificates GUARDED_BY(mutex);
};

TlsMetrics::TlsMetrics() : series_(std::make_shared<Series>()) {}

Counter TlsMetrics::handshakes(TlsHandshake result) const {
  return Counter(&series_->handshakes[result]);
}

Counter TlsMetrics::kernel_connections() const { return Counter(&series_->kernel_connections); }

void TlsMetrics::set_certificates(CertificateEnds ends) const {
  const MutexLock lock(series_->mutex);
  series_->certificates = std::move(ends);
}

void TlsMetrics::write(Exposition& out) const {
  out.add_each(Id::tls_handshakes, series_->handshakes);
  out.add(Id::tls_kernel_connections, {}, series_->kernel_connections);
  const MutexLock lock(series_->mutex);
  for (const auto& [name, end] : series_->certificates)
    out.add(Id::tls_certificate_end, {name},
            std::chrono::duration<double>(end.time_since_epoch()).count());
}

// --- Logins and rules of the listeners ----------------------------------------------------------

struct LoginMetrics::Series {
  EnumSeries<CounterSeries, LoginResult> logins;
  EnumSeries<CounterSeries, AccessRefusal> refused;
  EnumSeries<CounterSeries, KeyFetch> key_fetches;
  GaugeSeries issuers_failing{0}, denials{0};
};

LoginMetrics::LoginMetrics() : series_(std::make_shared<Series>()) {}

Counter LoginMetrics::logins(LoginResult result) const { return Counter(&series_->logins[result]); }

Counter LoginMetrics::refused(AccessRefusal reason) const {
  return Counter(&series_->refused[reason]);
}

Counter LoginMetrics::key_fetches(KeyFetch result) const {
  return Counter(&series_->key_fetches[result]);
}

Gauge LoginMetrics::issuers_failing() const { return Gauge(&series_->issuers_failing); }
Gauge LoginMetrics::denials() const { return Gauge(&series_->denials); }

void LoginMetrics::write(Exposition& out) const {
  out.add_each(Id::logins, series_->logins);
  out.add_each(Id::access_refused, series_->refused);
  out.add(Id::denials, {}, series_->denials);
  out.add_each(Id::jwt_key_fetches, series_->key_fetches);
  out.add(Id::jwt_issuers_failing, {}, series_->issuers_failing);
}

struct ForwardingMetrics::Series {
  EnumSeries<CounterSeries, Forwarding> clients;
};

ForwardingMetrics::ForwardingMetrics() : series_(std::make_shared<Series>()) {}

Counter ForwardingMetrics::clients(Forwarding result) const {
  return Counter(&series_->clients[result]);
}

void ForwardingMetrics::write(Exposition& out) const {
  out.add_each(Id::forwarded_clients, series_->clients);
}

// --- The process ------------------------------------------------------------------------------

/// The upstreams that the process has. Thread-safe.
class UpstreamTable {
 public:
  using Upstreams = std::map<std::string, UpstreamMetrics, std::less<>>;

  void set(std::vector<UpstreamLabels> upstreams) {
    upstreams.push_back({std::string(no_upstream), {}});
    const MutexLock lock(mutex_);
    Upstreams next;
    for (const auto& labels : upstreams) {
      auto& series = next[labels.name].series_;
      const auto known = present_.find(labels.name);
      series = known != present_.end() ? known->second.series_
                                       : std::make_shared<UpstreamMetrics::Series>();
      series->set_endpoints(labels.endpoints);
    }
    for (const auto& [name, upstream] : present_)
      if (!next.contains(name)) gone_ += upstream.series_->counts();
    present_ = std::move(next);
  }
  UpstreamMetrics find(std::string_view name) const {
    const MutexLock lock(mutex_);
    const auto found = present_.find(name);
    return found == present_.end() ? present_.find(no_upstream)->second : found->second;
  }
  Upstreams all() const {
    const MutexLock lock(mutex_);
    return present_;
  }
  Counts counts() const {
    const MutexLock lock(mutex_);
    Counts counts = gone_;
    for (const auto& [name, upstream] : present_) counts += upstream.series_->counts();
    return counts;
  }

 private:
  mutable Mutex mutex_;
  Upstreams present_ GUARDED_BY(mutex_);  // never without `no_upstream`
  Counts gone_ GUARDED_BY(mutex_);        // of the upstreams that the process has no more
};

struct Metrics::Families {
  UpstreamTable upstreams;
  std::array<HistogramSeries, count_of<Outcome>> request_duration, time_to_first_byte;
  CacheMetrics cache;
  DiskMetrics disk;
  TlsMetrics tls;
  LoginMetrics logins;
  ForwardingMetrics forwarding;
  ClientMetrics clients;
  GaugeSeries connections{0}, connections_limit{0}, flights{0}, store_jobs_queued{0};
  CounterSeries connections_refused{0}, log_dropped{0};
  EnumSeries<HistogramSeries, LoopRole> loop_lag;
  EnumSeries<CounterSeries, JobPool> job_failures;
  EnumSeries<CounterSeries, HandoverResult> handovers;
  EnumSeries<CounterSeries, ReloadResult> reloads;

  void write_process(Exposition& out) const;
};

void Metrics::Families::write_process(Exposition& out) const {
  for (std::size_t i = 0; i < count_of<Outcome>; ++i) {
    out.add(Id::request_duration, {outcome_word(i)}, request_duration[i]);
    out.add(Id::time_to_first_byte, {outcome_word(i)}, time_to_first_byte[i]);
  }
  out.add_each(Id::loop_lag, loop_lag);
  out.add(Id::connections, {}, connections);
  out.add(Id::connections_limit, {}, connections_limit);
  out.add(Id::connections_refused, {}, connections_refused);
  out.add(Id::flights, {}, flights);
  out.add(Id::log_dropped, {}, static_cast<double>(log_dropped + log::dropped()));
  out.add(Id::store_jobs_queued, {}, store_jobs_queued);
  out.add_each(Id::job_failures, job_failures);
  out.add_each(Id::handovers, handovers);
  out.add_each(Id::reloads, reloads);
  out.add(Id::build_info, {version(), commit()}, 1);
  const ProcessUse use = process_use();
  out.add(Id::process_cpu, {}, use.cpu_seconds);
  out.add(Id::process_memory, {}, use.resident_bytes);
  out.add(Id::process_open_fds, {}, use.open_fds);
  out.add(Id::process_max_fds, {}, use.max_fds);
  out.add(Id::process_start_time, {}, use.start_time);
}

Metrics::Metrics(const std::vector<UpstreamLabels>& upstreams)
    : families_(std::make_unique<Families>()) {
  families_->upstreams.set(upstreams);
}

Metrics::~Metrics() = default;

void set_upstreams(const Metrics& metrics, const std::vector<UpstreamLabels>& upstreams) {
  metrics.families_->upstreams.set(upstreams);
}

UpstreamMetrics Metrics::upstream(std::string_view name) const {
  return families_->upstreams.find(name);
}

EndpointMetrics Metrics::endpoint(std::string_view upstream, std::string_view endpoint) const {
  const auto owner = families_->upstreams.find(upstream);
  auto& series = *owner.series_;
  const MutexLock lock(series.mutex);
  const auto found = series.endpoints.find(endpoint);
  return found == series.endpoints.end() ? EndpointMetrics() : found->second;
}

const CacheMetrics& Metrics::cache() const { return families_->cache; }
const DiskMetrics& Metrics::disk() const { return families_->disk; }
const TlsMetrics& Metrics::tls() const { return families_->tls; }
const LoginMetrics& Metrics::logins() const { return families_->logins; }
const ForwardingMetrics& Metrics::forwarding() const { return families_->forwarding; }
const ClientMetrics& Metrics::clients() const { return families_->clients; }

Histogram Metrics::request_duration(Outcome outcome) const {
  return Histogram(&families_->request_duration[index_of(outcome)]);
}
Histogram Metrics::time_to_first_byte(Outcome outcome) const {
  return Histogram(&families_->time_to_first_byte[index_of(outcome)]);
}
Gauge Metrics::connections() const { return Gauge(&families_->connections); }
Gauge Metrics::connections_limit() const { return Gauge(&families_->connections_limit); }
Counter Metrics::connections_refused() const { return Counter(&families_->connections_refused); }
Gauge Metrics::flights() const { return Gauge(&families_->flights); }
Counter Metrics::log_dropped() const { return Counter(&families_->log_dropped); }
Histogram Metrics::loop_lag(LoopRole loop) const { return Histogram(&families_->loop_lag[loop]); }
Gauge Metrics::store_jobs_queued() const { return Gauge(&families_->store_jobs_queued); }
Counter Metrics::handovers(HandoverResult result) const {
  return Counter(&families_->handovers[result]);
}
Counter Metrics::reloads(ReloadResult result) const { return Counter(&families_->reloads[result]); }

Counter Metrics::job_failures(JobPool pool) const {
  return Counter(&families_->job_failures[pool]);
}

Counts& Counts::operator+=(const Counts& other) {
  requests += other.requests;
  hits += other.hits;
  errors += other.errors;
  served_bytes += other.served_bytes;
  fetched_bytes += other.fetched_bytes;
  disk_errors += other.disk_errors;
  mismatches += other.mismatches;
  changed += other.changed;
  disk_full += other.disk_full;
  return *this;
}

Counts& Counts::operator-=(const Counts& other) {
  requests -= other.requests;
  hits -= other.hits;
  errors -= other.errors;
  served_bytes -= other.served_bytes;
  fetched_bytes -= other.fetched_bytes;
  disk_errors -= other.disk_errors;
  mismatches -= other.mismatches;
  changed -= other.changed;
  disk_full -= other.disk_full;
  return *this;
}

Counts counts_of(const Metrics& metrics) {
  Counts counts = metrics.families_->upstreams.counts();
  for (std::size_t i = 0; i < count_of<DiskOperation>; ++i)
    counts.disk_errors += metrics.disk().errors(static_cast<DiskOperation>(i)).value();
  counts.changed = metrics.cache().evictions(EvictionReason::corrupt).value();
  for (const auto reason : {BypassReason::disk_full, BypassReason::inodes})
    counts.disk_full += metrics.cache().bypass(reason).value();
  return counts;
}

std::string Metrics::text() const {
  Exposition out;
  for (const auto& [name, upstream] : families_->upstreams.all()) {
    upstream.series_->write(out, name);
    upstream.series_->write_endpoints(out, name);
  }
  families_->cache.write(out);
  families_->disk.write(out);
  families_->tls.write(out);
  families_->logins.write(out);
  families_->forwarding.write(out);
  families_->clients.write(out);
  families_->write_process(out);
  return out.text();
}

}  // namespace entrepot::metrics
