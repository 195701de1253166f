// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace entrepot::log {

/// Writes to a descriptor that may block: a full pipe, a stuck terminal, a stopped journal. The
/// writing thread waits for it, but never past give_up(). Pipes and terminals are reopened as
/// non-blocking, because setting O_NONBLOCK on stderr itself would affect all processes that share
/// it (the operator's shell). One thread writes at a time.
class PatientWriter {
 public:
  /// The caller owns `fd`, which must outlive this object.
  explicit PatientWriter(int fd);
  PatientWriter(const PatientWriter&) = delete;
  PatientWriter& operator=(const PatientWriter&) = delete;
  ~PatientWriter();

  /// Returns the number of bytes written. Fewer than `size`: the wait has ended, the reader has
  /// closed its end, or the disk is full; errno has the reason, ETIMEDOUT after give_up().
  std::size_t write(const char* data, std::size_t size);
  /// Limits all further waiting to `patience`. Any thread.
  void give_up(std::chrono::milliseconds patience);
  /// Takes give_up() back. Any thread.
  void wait_again();

 private:
  enum class Kind : std::uint8_t { file, socket, pipe, reopened };

  std::ptrdiff_t write_some(const char* data, std::size_t size);
  bool wait_writable();

  const int fd_;
  int own_fd_ = -1;  // the same pipe or terminal reopened
  Kind kind_ = Kind::file;
  /// Steady milliseconds at which waiting ends.
  std::atomic<std::int64_t> deadline_;
};

}  // namespace entrepot::log
