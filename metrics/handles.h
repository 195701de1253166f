// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace entrepot::metrics {

// Handles to one series each: cheap to copy, valid as long as the Metrics that returned them (or a
// copy of the EndpointMetrics), usable from any thread without a lock.
class Counter {
 public:
  explicit Counter(std::atomic<std::uint64_t>* series) : series_(series) {}
  void add(std::uint64_t n = 1) const { series_->fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return series_->load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t>* series_;
};
class Gauge {
 public:
  explicit Gauge(std::atomic<double>* series) : series_(series) {}
  void set(double value) const { series_->store(value, std::memory_order_relaxed); }
  void add(double delta) const { series_->fetch_add(delta, std::memory_order_relaxed); }
  double value() const { return series_->load(std::memory_order_relaxed); }

 private:
  std::atomic<double>* series_;
};
struct HistogramSeries;
class Histogram {
 public:
  explicit Histogram(HistogramSeries* series) : series_(series) {}
  void observe(std::chrono::nanoseconds duration) const;

 private:
  HistogramSeries* series_;
};

}  // namespace entrepot::metrics
