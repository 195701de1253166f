// SPDX-License-Identifier: Apache-2.0
#include "metrics/exposition/exposition.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <vector>

#include "metrics/check.h"

namespace entrepot::metrics {
namespace {

prometheus::MetricType prometheus_type(Type type) {
  switch (type) {
    case Type::counter:
      return prometheus::MetricType::Counter;
    case Type::gauge:
      return prometheus::MetricType::Gauge;
    case Type::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

}  // namespace

struct Exposition::Families {
  std::vector<prometheus::MetricFamily> list;

  prometheus::ClientMetric& add(Id id, std::initializer_list<std::string_view> labels) {
    const auto& names = descriptions()[static_cast<std::size_t>(id)].labels;
    auto& metric = list[static_cast<std::size_t>(id)].metric.emplace_back();
    std::size_t i = 0;
    for (const auto value : labels) {
      check(i < names.size() && !names[i].empty(), "more label values than label names");
      metric.label.push_back({std::string(names[i++]), std::string(value)});
    }
    check(i == names.size() || names[i].empty(), "fewer label values than label names");
    return metric;
  }
};

Exposition::Exposition() : families_(std::make_unique<Families>()) {
  for (const auto& description : descriptions()) {
    families_->list.push_back({std::string(description.name),
                               std::string(description.help),
                               prometheus_type(description.type),
                               {}});
  }
}

Exposition::~Exposition() = default;

void Exposition::add(Id id, std::initializer_list<std::string_view> labels, double value) {
  auto& metric = families_->add(id, labels);
  if (descriptions()[static_cast<std::size_t>(id)].type == Type::counter)
    metric.counter.value = value;
  else
    metric.gauge.value = value;
}

void Exposition::add(Id id, std::initializer_list<std::string_view> labels,
                     const HistogramSeries& series) {
  auto& histogram = families_->add(id, labels).histogram;
  for (std::size_t i = 0; i < series.counts.size(); ++i) {
    histogram.sample_count += series.counts[i].load(std::memory_order_relaxed);
    const double bound =
        i < bucket_bounds.size() ? bucket_bounds[i] : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({histogram.sample_count, bound});
  }
  histogram.sample_sum =
      static_cast<double>(series.nanoseconds.load(std::memory_order_relaxed)) * 1e-9;
}

std::string Exposition::text() const {
  return prometheus::TextSerializer().Serialize(families_->list);
}

}  // namespace entrepot::metrics
