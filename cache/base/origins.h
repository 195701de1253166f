// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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
/// objects. This class is the table of these sets. Thread-safe.
class Origins {
 public:
  using Set = std::uint8_t;
  /// No configured upstream.
  static constexpr Set nobody = 0;
  /// At least one upstream that is not restricted: the bytes are public.
  static constexpr Set everybody = 1;

  /// The names of all configured upstreams.
  Origins(std::vector<std::string> restricted, std::vector<std::string> open);

  /// False if all sets equal everybody.
  bool any_restricted() const { return !restricted_.empty(); }
  /// The set after `upstream` alone has delivered the bytes.
  Set of(std::string_view upstream) const;
  /// Parses the names of a record (add()). Returns everybody if no upstream is restricted.
  Set parse(std::string_view names) const;
  /// The union of both sets. Returns `one` if the table is full (254 sets of restricted upstreams).
  Set both(Set one, Set other) const;
  /// True if the bytes may be served under `upstream` before that upstream has delivered them.
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
  bool contains(Set set, std::string_view name) const;
  Set number(Names names) const;

  const Names restricted_;
  const Names open_;
  mutable SharedMutex mutex_;
  mutable std::vector<Names> sets_ GUARDED_BY(mutex_);  // indexed by number; only grows
};

}  // namespace entrepot::cache
