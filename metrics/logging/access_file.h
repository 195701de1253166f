// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "metrics/log_interval.h"
#include "metrics/logging/patient_writer.h"
#include "metrics/mutex.h"

namespace entrepot::log {

/// The file of the access lines. Threads append to buffers in memory, and a thread of this object
/// writes them, `interval` after the first line or when one has `wake_at` bytes. So a slow or full
/// disk blocks nobody: a buffer takes buffer_limit bytes, and further lines are dropped and
/// counted. Lines of different threads may be out of order within an interval.
class AccessFile {
 public:
  /// Takes a sentence for the operator. Any thread.
  struct Tell {
    std::function<void(const std::string&)> success, failure;
  };

  static constexpr std::chrono::milliseconds interval{100}, patience{1000};
  static constexpr std::size_t wake_at = 256 * 1024;
  static constexpr std::size_t buffer_limit = 4 * 1024 * 1024;

  /// Opens `path` to append to it, and makes it with mode 0640 if it does not exist. Throws
  /// std::runtime_error that names the path and the remedy.
  AccessFile(std::string path, Tell tell);
  AccessFile(const AccessFile&) = delete;
  AccessFile& operator=(const AccessFile&) = delete;
  ~AccessFile();

  /// Takes one line with its line feed. Any thread; never blocks.
  void append(std::string_view line);
  /// Opens the path again, for a file that was renamed, and tells the result later. If it cannot be
  /// opened, the present file stays in use; otherwise a wait for that one ends, after `patience` at
  /// most. Any thread; returns at once.
  void reopen();
  /// Writes the buffered lines, for `limit` at most, and ends the thread. Later lines are
  /// lost. Call it once.
  void stop(std::chrono::milliseconds limit);

  /// Lines lost: a buffer or the disk was full. Any thread.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct alignas(64) Buffer {
    Mutex mutex;
    std::string lines GUARDED_BY(mutex);
  };
  class Output;
  /// For the thread, a later one includes the earlier ones: to write within the interval, at once,
  /// and to end.
  enum class Task : std::uint8_t { none, soon, now, stop };

  void call(Task task);
  Task wait();
  void run();
  void write_buffers();
  void write(const std::string& lines);
  void open_again();
  void tell_loss(std::string_view reason);

  const std::string path_;
  const Tell tell_;
  std::array<Buffer, 8> buffers_;
  std::atomic<bool> called_{false};  // since the buffers were written
  std::atomic<bool> reopen_{false};
  std::atomic<std::uint64_t> dropped_{0};
  LogInterval loss_lines_;
  Mutex mutex_;
  ConditionVariable changed_;
  Task task_ GUARDED_BY(mutex_) = Task::none;
  std::unique_ptr<Output> output_;  // changed by the thread, with the mutex
  std::string writing_;             // of the thread, as the next two
  bool cut_ = false;                // the last line in the file has no end
  std::thread thread_;
};

}  // namespace entrepot::log
