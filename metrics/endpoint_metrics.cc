// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "metrics/exposition/code_series.h"
#include "metrics/exposition/exposition.h"
#include "metrics/metrics.h"

namespace entrepot::metrics {
namespace {

/// See usual() in metrics.cc.
bool usual_upstream(Kind kind, int code) {
  if (kind == Kind::ping || kind == Kind::other) return code == 200 || code == 0;
  return code == 0 || code == 200 || code == 404 || code == 429 || code == 503;
}

}  // namespace

struct EndpointMetrics::Series {
  std::array<CodeSeries, count_of<Kind>> requests{};
  EnumSeries<CounterSeries, EndpointFailure> failures;
  CounterSeries bytes{0};
  CounterSeries digest_mismatches{0};
  HistogramSeries time_to_first_byte;
  CounterSeries hedges{0};

  void write(Exposition& out, std::string_view upstream, std::string_view name) const {
    for_kinds_and_codes([&](auto kind, auto code) {
      if (requests[kind][code] > 0 || usual_upstream(static_cast<Kind>(kind), code_at(code)))
        out.add(Id::upstream_requests, {upstream, name, kind_word(kind), code_word(code)},
                requests[kind][code]);
    });
    out.add_each(Id::endpoint_failures, failures, upstream, name);
    out.add(Id::upstream_bytes, {upstream, name}, bytes);
    out.add(Id::upstream_time_to_first_byte, {upstream, name}, time_to_first_byte);
    out.add(Id::hedges, {upstream, name}, hedges);
    out.add(Id::digest_mismatches, {upstream, name}, digest_mismatches);
  }
};

struct EndpointMetrics::Gauges {
  GaugeSeries up{1};
  GaugeSeries rate{std::numeric_limits<double>::quiet_NaN()};
  GaugeSeries ratelimit_remaining{std::numeric_limits<double>::quiet_NaN()};
  GaugeSeries ratelimit_limit{std::numeric_limits<double>::quiet_NaN()};
  GaugeSeries accounts_denied{0};

  void write(Exposition& out, std::string_view upstream, std::string_view name) const {
    out.add(Id::endpoint_up, {upstream, name}, up);
    out.add(Id::endpoint_rate, {upstream, name}, rate);
    out.add(Id::ratelimit_remaining, {upstream, name}, ratelimit_remaining);
    out.add(Id::ratelimit_limit, {upstream, name}, ratelimit_limit);
    out.add(Id::accounts_denied, {upstream, name}, accounts_denied);
  }
};

EndpointMetrics::EndpointMetrics()
    : series_(std::make_shared<Series>()), gauges_(std::make_shared<Gauges>()) {}

void EndpointMetrics::write(Exposition& out, std::string_view upstream,
                            std::string_view name) const {
  series_->write(out, upstream, name);
  gauges_->write(out, upstream, name);
}

void EndpointMetrics::detach_gauges() { gauges_ = std::make_shared<Gauges>(); }

void EndpointMetrics::request(Kind kind, int code) const {
  series_->requests[index_of(kind)][code_index(code)].fetch_add(1, std::memory_order_relaxed);
}
void EndpointMetrics::failure(EndpointFailure reason) const {
  series_->failures[reason].fetch_add(1, std::memory_order_relaxed);
}
Counter EndpointMetrics::bytes() const { return Counter(&series_->bytes); }
Histogram EndpointMetrics::time_to_first_byte() const {
  return Histogram(&series_->time_to_first_byte);
}
Gauge EndpointMetrics::up() const { return Gauge(&gauges_->up); }
Counter EndpointMetrics::hedges() const { return Counter(&series_->hedges); }
Gauge EndpointMetrics::rate() const { return Gauge(&gauges_->rate); }
Gauge EndpointMetrics::ratelimit_remaining() const { return Gauge(&gauges_->ratelimit_remaining); }
Gauge EndpointMetrics::ratelimit_limit() const { return Gauge(&gauges_->ratelimit_limit); }
Gauge EndpointMetrics::accounts_denied() const { return Gauge(&gauges_->accounts_denied); }
Counter EndpointMetrics::digest_mismatches() const { return Counter(&series_->digest_mismatches); }

}  // namespace entrepot::metrics
