// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/loop/loop.h"
#include "proxy/loop/readable.h"

namespace entrepot::loop {

/// Reports that files may have been replaced or rewritten, by inotify(7) on their folders: also if
/// they are links that are put in their place, or links through `..data`, as volumes of Kubernetes
/// have. Loop thread only.
class FileWatch {
 public:
  /// A report waits until no file has changed for this time, because a certificate and its key are
  /// two files.
  static constexpr std::chrono::milliseconds quiet{1000};

  /// `changed` must not destroy this object.
  FileWatch(Loop& loop, std::function<void()> changed);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  /// Watches these files instead of the ones before. Logs a warning for a folder that cannot be
  /// watched. Returns true if a folder was not watched before: earlier changes in it are not
  /// reported, so the caller reads its files again.
  bool watch(const std::vector<std::filesystem::path>& files);

 private:
  /// Whether an event of this watch and name concerns a file.
  bool concerns(int watch, const std::string& name) const;
  void read_events();

  Loop& loop_;
  const std::function<void()> changed_;
  int fd_;                                      // -1: the kernel gives no inotify descriptor
  std::unique_ptr<Readable> readable_;          // null without fd_
  std::map<int, std::set<std::string>> names_;  // of files, by the watch of their folder
  std::unique_ptr<Loop::Timer> timer_;          // a report waits
};

}  // namespace entrepot::loop
