// SPDX-License-Identifier: Apache-2.0
// The denials of `entrepot deny`, and their file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/mutex.h"
#include "metrics/word_table.h"
#include "proxy/access/denials.h"

namespace entrepot::app {

/// The effect of a command.
enum class DenialChange : std::uint8_t {
  done,
  unchanged,  ///< the pattern is denied already, with this reason or without a new one
  absent,     ///< there is no such denial
  full,       ///< Denials::most
  failed,     ///< the file cannot be written; the log says why
};

/// Keeps the denials in a file that is replaced as a whole and synced before a change counts. One
/// process at a time has the file: the one that has locked the cache directory. Any thread; a
/// change blocks on the disk, and nothing else does.
///
/// A file that cannot be read is named in the log, and none of its denials is in force; of a file
/// with some entries that cannot be read, all others are. A mirror that refused everything instead
/// would stop no pull, because engines then ask the registry itself. The next change keeps the file
/// as FILE.damaged, or FILE.damaged.2 and so on where there is one.
class DenialStore {
 public:
  using List = std::shared_ptr<const access::Denials>;
  /// Called by one thread at a time, with the denials in force from now on.
  using Publish = std::function<void(List)>;

  /// Reads the file and publishes what it has. Blocks. `publish` may be null.
  DenialStore(std::filesystem::path file, Publish publish);
  DenialStore(const DenialStore&) = delete;
  DenialStore& operator=(const DenialStore&) = delete;

  /// A pattern that is denied already keeps its time, and takes a reason that is not empty.
  /// REQUIRES: a pattern without a fault.
  DenialChange add(access::Denial denial);
  /// `by`: for the log, safe for it.
  DenialChange remove(std::string_view pattern, const std::string& by);

  List list() const;
  /// Why not all of the file could be read; empty: it could, or a change has replaced it since.
  std::string damage() const;

 private:
  void read() REQUIRES(changes_);
  void tell(std::string_view damage, std::string_view effect) const;
  /// Writes `next`, then publishes it. False: it cannot be written, and nothing has changed.
  bool use(std::vector<access::Denial> next) REQUIRES(changes_);
  void set(List next, std::string damage) REQUIRES(changes_);

  const std::filesystem::path file_;
  const Publish publish_;
  Mutex changes_;  // held while the disk is written; locked first
  mutable Mutex mutex_;
  List list_ GUARDED_BY(mutex_) = std::make_shared<const access::Denials>();
  std::string damage_ GUARDED_BY(mutex_);
};

}  // namespace entrepot::app

namespace entrepot::metrics {

template <>
inline constexpr auto words<app::DenialChange> = make_words<app::DenialChange>({
    {app::DenialChange::done, "done"},
    {app::DenialChange::unchanged, "unchanged"},
    {app::DenialChange::absent, "absent"},
    {app::DenialChange::full, "full"},
    {app::DenialChange::failed, "failed"},
});

}  // namespace entrepot::metrics
