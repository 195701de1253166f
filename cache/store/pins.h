// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "cache/api/answer.h"
#include "cache/base/digest.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// The objects that must not be evicted: those in repositories that match a pattern. Patterns are
/// shell globs of a repository ("library/*") or of a repository of one upstream ("ghcr.io/acme/*");
/// an asterisk matches slashes too. Thread-safe.
class Pins {
 public:
  /// `configured`: patterns that admin commands cannot remove.
  explicit Pins(std::vector<std::string> configured) : configured_(std::move(configured)) {}

  /// True for a valid pattern: not empty, no spaces or control characters.
  static bool valid(std::string_view pattern);

  bool any() const;
  bool covers(RepositoryRef repository) const;
  /// Pins an object of a repository that covers() is true for.
  void note(const Digest& digest);
  bool contains(const Digest& digest) const;

  std::vector<std::string> configured() const;
  std::vector<std::string> commanded() const;
  // Replaces the configured patterns. The pinned set changes at the next recount().
  void set_configured(std::vector<std::string> patterns);
  /// Replaces the patterns set by admin commands.
  void set_commanded(std::vector<std::string> patterns);
  /// While an instance exists, a recount removes no digest that was noted after its creation.
  using Notes = std::shared_ptr<void>;
  Notes keep_notes();
  /// Hashes of digests.
  using Hashes = std::unordered_set<std::uint64_t>;
  /// Replaces the pinned set with what `count` collects plus everything noted since keep_notes().
  /// Returns false, changing nothing, if `count` fails. Calls run one at a time, so the last to end
  /// has seen the latest patterns. May block; call it on the store pool.
  bool recount(const std::function<bool(Hashes&)>& count);

 private:
  mutable SharedMutex mutex_;
  std::vector<std::string> configured_ GUARDED_BY(mutex_);
  std::vector<std::string> commanded_ GUARDED_BY(mutex_);
  // Hashes of digests. A collision spares one more object, which is harmless.
  Hashes pinned_ GUARDED_BY(mutex_);
  Hashes noted_ GUARDED_BY(mutex_);        // while notes are kept
  int kept_notes_ GUARDED_BY(mutex_) = 0;  // number of instances of Notes
  Mutex counting_mutex_;                   // taken before mutex_
};

}  // namespace entrepot::cache
