// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "cache/answer.h"
#include "cache/digest.h"

namespace entrepot::cache {

/// Which objects must not leave: those that a repository holds which a pattern names. Patterns are
/// shell globs of a repository ("library/*") or of a repository of one upstream
/// ("ghcr.io/acme/*"); an asterisk stands for slashes too. Thread-safe.
class Pins {
 public:
  /// `configured`: patterns that commands cannot take away.
  explicit Pins(std::vector<std::string> configured) : configured_(std::move(configured)) {}

  /// A pattern we accept: not empty, no spaces or control characters.
  static bool valid(std::string_view pattern);

  bool any() const;
  bool covers(RepositoryRef repository) const;
  /// A repository that is covered holds it.
  void note(const Digest& digest);
  bool holds(const Digest& digest) const;

  std::vector<std::string> configured() const;
  std::vector<std::string> commanded() const;
  // From then on. What they hold is known after a recount.
  void set_configured(std::vector<std::string> patterns);
  /// Sets the patterns that came by command.
  void set_commanded(std::vector<std::string> patterns);
  /// For as long as somebody has one, a recount takes nothing away that was noted meanwhile.
  using Notes = std::shared_ptr<void>;
  Notes keep_notes();
  /// Hashes of digests.
  using Held = std::unordered_set<std::uint64_t>;
  /// What `count` fills in is held from now on, and what was noted since the caller's keep_notes();
  /// all stays as it was, and this is false, where `count` says so. One goes on at a time: the one
  /// that ends last has seen the latest patterns. May block: store pool.
  bool recount(const std::function<bool(Held&)>& count);

 private:
  mutable std::shared_mutex mutex_;
  // Guarded by mutex_. Digests by their hashes: one that is held for another's sake is no harm.
  std::vector<std::string> configured_;
  std::vector<std::string> commanded_;
  Held held_;
  Held noted_;                 // while notes are kept
  int kept_notes_ = 0;         // how often
  std::mutex counting_mutex_;  // taken before the other
};

}  // namespace entrepot::cache
