// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace entrepot::log {

/// Writes lines to a descriptor that may block: a full pipe, a stuck terminal, a stopped journal.
/// The writing thread waits for it, but never past give_up(). Pipes and terminals are reopened as
/// non-blocking, because setting O_NONBLOCK on stderr itself would affect all processes that share
/// it (the operator's shell).
class StderrSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  /// The caller owns `fd`, which must outlive the sink.
  explicit StderrSink(int fd);
  ~StderrSink() override;

  /// Limits all further waiting to `patience`; afterwards lines are dropped. Any thread.
  void give_up(std::chrono::milliseconds patience);

  /// Number of lines that could not be written. Any thread.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  bool write_all(const char* data, std::size_t size);
  bool wait_writable();

  const int fd_;
  int own_fd_ = -1;      // the same file reopened, or -1
  bool socket_ = false;  // write with MSG_DONTWAIT
  /// Steady milliseconds at which waiting ends.
  std::atomic<std::int64_t> deadline_;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace entrepot::log
