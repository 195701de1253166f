// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "metrics/exposition/series.h"
#include "metrics/exposition/table.h"

namespace entrepot::metrics {

/// Collects the values of one scrape and writes them in the text format. One thread, one use.
/// Private to metrics/; only its .cc uses prometheus-cpp.
class Exposition {
 public:
  Exposition();
  ~Exposition();

  /// `labels`: values in the order of the label names in the table.
  void add(Id id, std::initializer_list<std::string_view> labels, double value);
  void add(Id id, std::initializer_list<std::string_view> labels, const CounterSeries& series) {
    add(id, labels, static_cast<double>(series.load(std::memory_order_relaxed)));
  }
  void add(Id id, std::initializer_list<std::string_view> labels, const GaugeSeries& series) {
    add(id, labels, series.load(std::memory_order_relaxed));
  }
  void add(Id id, std::initializer_list<std::string_view> labels, const HistogramSeries& series);
  /// Adds one value for each value of an enum, whose word is the last label after `labels`.
  template <typename SeriesType, typename Enum, typename... Labels>
  void add_each(Id id, const EnumSeries<SeriesType, Enum>& all, Labels... labels) {
    for (std::size_t i = 0; i < count_of<Enum>; ++i)
      add(id, {std::string_view(labels)..., words<Enum>[i]}, all.series[i]);
  }

  /// Returns the text exposition format 0.0.4.
  std::string text() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace entrepot::metrics
