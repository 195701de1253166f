// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>

#include "cache/base/clock.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// Whether the disk can be trusted with new files. After a failed write, or after several
/// unreadable files within a minute, no file is written for some seconds. Thread-safe; never
/// blocks.
class DiskHealth {
 public:
  /// `directory` appears in the log. `clock` must outlive this object.
  DiskHealth(const Clock& clock, std::filesystem::path directory)
      : clock_(clock), directory_(std::move(directory)) {}

  /// Reports a failed write: no new file for `distrust_for`. Logs the start of such a period.
  void distrust();
  /// True while no new file may be written.
  bool distrusted() const;
  /// Reports an unreadable stored file. The fifth within a minute has the effect of distrust().
  void count_read_error();

  static constexpr std::chrono::seconds distrust_for{30};

 private:
  const Clock& clock_;
  const std::filesystem::path directory_;
  std::atomic<SteadyTime> distrusted_until_{SteadyTime{}};

  Mutex mutex_;
  SteadyTime errors_from_ GUARDED_BY(mutex_){};
  int errors_ GUARDED_BY(mutex_) = 0;
};

}  // namespace entrepot::cache
