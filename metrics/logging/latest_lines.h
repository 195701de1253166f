// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace entrepot::log {

/// A warning or an error of the log.
struct LatestLine {
  std::chrono::steady_clock::time_point at;  ///< of its last occurrence
  bool error = false;                        ///< else a warning
  std::string text;
  std::size_t times = 1;  ///< in a row
};

/// Keeps the latest warnings and errors, for an operator who does not have the log at hand. Any
/// thread.
class LatestLines : public spdlog::sinks::base_sink<std::mutex> {
 public:
  static constexpr std::size_t most = 10;
  /// Bytes of a line; the rest of a longer one is not kept.
  static constexpr std::size_t longest = 500;

  LatestLines() { set_level(spdlog::level::warn); }

  /// The latest one first.
  std::vector<LatestLine> lines();

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  std::deque<LatestLine> lines_;  // the latest one first; with the mutex of the base
};

}  // namespace entrepot::log
