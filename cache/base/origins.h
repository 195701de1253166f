// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/mutex.h"

namespace entrepot::cache {

/// The upstreams that have delivered the bytes of an object. A manifest that names a digest, or an
/// upstream that reports its existence, proves only knowledge of the digest. Bytes delivered by
/// restricted upstreams alone are served under those upstreams alone, until another upstream
/// delivers them as well.
///
/// Objects store the number of a set of upstreams, in one byte because there are millions of
/// objects. This class is the table of these sets. A set keeps all of its names, configured or not,
/// so that its meaning follows a configuration that changes. Thread-safe.
class Origins {
 public:
  using Set = std::uint8_t;
  /// No upstream that is known.
  static constexpr Set nobody = 0;

  /// The names of all configured upstreams.
  Origins(std::vector<std::string> restricted, std::vector<std::string> open);
  /// Takes over those of another configuration: the next open_to() decides by them.
  void configure(std::vector<std::string> restricted, std::vector<std::string> open);

  /// False if every set was open to all upstreams since the start.
  bool ever_restricted() const { return ever_restricted_.load(std::memory_order_acquire); }
  /// The set after `upstream` alone has delivered the bytes.
  Set of(std::string_view upstream) const;
  /// Parses the names of a record (add()).
  Set parse(std::string_view names) const;
  /// The union of both sets. If the table has no room for it, the one that is open to more.
  Set both(Set one, Set other) const;
  /// True if the bytes may be served under `upstream` before that upstream has delivered them: one
  /// of the set is configured without restriction, or no upstream is restricted, or it has
  /// delivered them already.
  bool open_to(Set set, std::string_view upstream) const;
  /// True if a version that did not record origins stored the object.
  bool unnoted(Set set) const;

  // In records: names separated by line breaks.
  /// The name in records of versions that did not record origins.
  static constexpr std::string_view unnoted_name = "?";
  /// Adds `upstream` to `names`. Removes the oldest name if there are too many.
  static std::string add(std::string_view names, std::string_view upstream);

 private:
  using Names = std::vector<std::string>;  // sorted
  static constexpr std::size_t most_sets = std::numeric_limits<Set>::max() + std::size_t{1};

  bool contains(Set set, std::string_view name) const;
  /// The set, or a part of it if the table has no room.
  Set find_or_add(const Names& names) const REQUIRES(mutex_);
  /// A subset that the table has: to forget a name opens nothing.
  Set part_of(const Names& names) const REQUIRES(mutex_);
  bool is_public(const Names& names) const REQUIRES(mutex_);

  mutable SharedMutex mutex_;
  Names restricted_ GUARDED_BY(mutex_);
  Names open_ GUARDED_BY(mutex_);
  mutable std::vector<Names> sets_ GUARDED_BY(mutex_);  // indexed by number; only grows
  mutable std::map<std::string, Set, std::less<>> parsed_ GUARDED_BY(mutex_);  // records met before
  // The result of is_public() for each number: most objects are public, and need no lock.
  mutable std::array<std::atomic<bool>, most_sets> public_{};
  std::atomic<bool> ever_restricted_{false};
};

}  // namespace entrepot::cache
