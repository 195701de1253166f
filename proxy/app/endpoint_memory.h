// SPDX-License-Identifier: Apache-2.0
// The measurements of endpoints in a file, for the next process.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/base/clock.h"
#include "proxy/loop/loop.h"
#include "proxy/upstream/endpoint/report.h"

namespace entrepot::app {

/// Merges the reports of several loops: the measurements of an endpoint are those of the loop that
/// received its latest answer; transfers are added up. Pure.
upstream::Reports merged(const std::vector<upstream::Reports>& by_loop);

/// Replaces `file` with `reports`, dated `now`. Blocks; logs a failure and keeps the old file then.
void save_reports(const std::filesystem::path& file, const upstream::Reports& reports,
                  cache::WallTime now);
/// The saved reports, aged until `now`. Empty if the file is missing, older than a day or cannot be
/// read (then the log says so). Blocks.
upstream::Reports load_reports(const std::filesystem::path& file, cache::WallTime now);

/// Keeps the measurements of endpoints in a file across restarts: saves them every five minutes,
/// so that a process that is killed loses little, and at the end.
class EndpointMemory {
 public:
  /// Collects the present reports; null if they cannot be had now. Called on `pool`, may block.
  using Collect = std::function<std::optional<upstream::Reports>()>;

  /// `home` runs the timer and `pool` the writes; both and `clock` outlive this.
  EndpointMemory(std::filesystem::path file, const cache::Clock& clock, loop::Loop& home,
                 cache::JobQueue& pool, Collect collect);
  EndpointMemory(const EndpointMemory&) = delete;
  EndpointMemory& operator=(const EndpointMemory&) = delete;

  /// The reports of the process before, as load_reports(). Blocks; main thread.
  upstream::Reports load() const;
  /// Saves every five minutes from now on. On `home`.
  void start();
  /// Starts no further save; one in progress ends. On `home`.
  void stop();
  /// Saves `reports` now. Blocks; on `pool`, or on the main thread once `pool` has ended.
  void save(const upstream::Reports& reports) const;

 private:
  const std::filesystem::path file_;
  const cache::Clock& clock_;
  loop::Loop& home_;
  cache::JobQueue& pool_;
  const Collect collect_;
  std::unique_ptr<loop::Loop::Timer> timer_;  // home only
};

}  // namespace entrepot::app
