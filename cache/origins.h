// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace entrepot::cache {

/// Which upstreams have given the bytes of an object. That a manifest names a digest, or that an
/// upstream says it has it, proves only that somebody knows the digest: what restricted upstreams
/// alone have given is served under those alone, until another has given the bytes as well.
///
/// Objects carry the number of a set of upstreams, one byte because there are millions of them;
/// this is the table of the sets. Thread-safe.
class Origins {
 public:
  using Set = std::uint8_t;
  /// No upstream that is configured.
  static constexpr Set nobody = 0;
  /// An upstream that is not restricted: the bytes are no secret.
  static constexpr Set everybody = 1;

  /// The names of all configured upstreams.
  Origins(std::vector<std::string> restricted, std::vector<std::string> open);

  /// False where all is everybody's.
  bool any_restricted() const { return !restricted_.empty(); }
  /// `upstream` has given the bytes.
  Set of(std::string_view upstream) const;
  /// What a record says (add()). Where no upstream is restricted, all is everybody's.
  Set parse(std::string_view names) const;
  /// Both. Where the table is full (254 sets of restricted upstreams), the first.
  Set both(Set one, Set other) const;
  /// Whether the bytes may be served under `upstream` without its having to give them.
  bool open_to(Set set, std::string_view upstream) const;
  /// Stored by a version that did not note who gave the bytes.
  bool unnoted(Set set) const;

  // In records: names with line breaks between them.
  /// The name in what such a version wrote.
  static constexpr std::string_view unnoted_name = "?";
  /// `names` and `upstream`. The oldest goes where there are too many.
  static std::string add(std::string_view names, std::string_view upstream);

 private:
  using Names = std::vector<std::string>;  // sorted
  bool contains(Set set, std::string_view name) const;
  Set number(Names names) const;

  const Names restricted_;
  const Names open_;
  mutable std::shared_mutex mutex_;
  mutable std::vector<Names> sets_;  // by number; guarded by mutex_, only grows
};

}  // namespace entrepot::cache
