// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "metrics/logging/patient_writer.h"

namespace entrepot::log {

/// Writes lines to stderr, and drops those that it does not take.
class StderrSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  /// The caller owns `fd`, which must outlive the sink.
  explicit StderrSink(int fd) : writer_(fd) {}

  /// Limits all further waiting to `patience`; afterwards lines are dropped. Any thread.
  void give_up(std::chrono::milliseconds patience) { writer_.give_up(patience); }

  /// Number of lines that could not be written. Any thread.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  PatientWriter writer_;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace entrepot::log
