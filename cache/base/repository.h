// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace entrepot::cache {

/// A repository of an upstream, as views. `upstream` is the configured name ("docker.io"), never an
/// alias. `name` conforms to the name grammar ("library/alpine").
struct RepositoryRef {
  std::string_view upstream;
  std::string_view name;
};

/// A repository of an upstream, as strings of its own.
struct Repository {
  std::string upstream;
  std::string name;
  Repository(RepositoryRef ref) : upstream(ref.upstream), name(ref.name) {}  // NOLINT(*-explicit-*)
  operator RepositoryRef() const { return {upstream, name}; }                // NOLINT(*-explicit-*)
  friend bool operator==(const Repository&, const Repository&) = default;
};

}  // namespace entrepot::cache
