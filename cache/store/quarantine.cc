// SPDX-License-Identifier: Apache-2.0
#include "cache/store/quarantine.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "cache/store/disk.h"
#include "metrics/log.h"

namespace entrepot::cache {

using metrics::DiskOperation;

Quarantine::Quarantine(Layout layout, const DirectoryLock& directory,
                       const metrics::Metrics& metrics)
    : layout_(std::move(layout)), directory_(directory), metrics_(metrics) {
  const MutexLock lock(mutex_);
  measure();
}

bool Quarantine::take(const Digest& digest) {
  const DirectoryLock::Change change(directory_);
  if (!change) return false;
  const MutexLock lock(mutex_);
  const auto from = layout_.blob(digest);
  const auto to = layout_.quarantined(digest);
  struct stat status;
  const bool is_file = ::lstat(from.c_str(), &status) == 0 && S_ISREG(status.st_mode);
  ::mkdir(layout_.quarantine().c_str(), 0700);
  if (!is_file || ::rename(from.c_str(), to.c_str()) != 0) return false;
  measure();
  log::error("cache: {} cannot be read; it is moved to {} and fetched again. Check the disk",
             from.string(), to.string());
  return true;
}

std::uint64_t Quarantine::empty() {
  const DirectoryLock::Change change(directory_);
  if (!change) return 0;
  const MutexLock lock(mutex_);
  const auto before = bytes();
  std::error_code error;
  std::filesystem::remove_all(layout_.quarantine(), error);
  if (error) {
    metrics_.disk().errors(DiskOperation::unlink).add();
    log::error("cache: {} of {} failed: {}", to_string(DiskOperation::unlink),
               layout_.quarantine().string(), error.message());
  }
  measure();
  return before - std::min(before, bytes());
}

void Quarantine::measure() {
  if (const auto found = Disk::bytes_in(layout_.quarantine()))
    bytes_ = *found;
  else
    metrics_.disk().errors(DiskOperation::read).add();
}

}  // namespace entrepot::cache
