// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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
  /// What is held from now on, besides what was noted since begin_recount().
  void begin_recount();
  void end_recount(std::unordered_set<std::uint64_t> held);

 private:
  mutable std::shared_mutex mutex_;
  // Guarded by mutex_. Digests by their hashes: one that is held for another's sake is no harm.
  std::vector<std::string> configured_;
  std::vector<std::string> commanded_;
  std::unordered_set<std::uint64_t> held_;
  std::unordered_set<std::uint64_t> noted_since_;
  bool recounting_ = false;
};

}  // namespace entrepot::cache
