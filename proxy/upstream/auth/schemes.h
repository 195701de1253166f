// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/upstream/auth/auth_scheme.h"

namespace entrepot::upstream {

/// The authentication schemes that the challenges of one endpoint named: one for all repositories,
/// and one for each repository whose realm has the scope in its query (nvcr.io). Only schemes that
/// led to a response are remembered. One thread.
class Schemes {
 public:
  /// Repositories with a scheme of their own that are remembered; the oldest goes first.
  static constexpr std::size_t most_own = 256;

  /// The scheme for requests about `repository`; null: none is known. Valid until the next change.
  const AuthScheme* of(std::string_view repository) const;
  /// A request about `repository` got a response by this scheme. Its scope belongs to that request
  /// and is not kept.
  void learn(const std::string& repository, AuthScheme scheme);
  /// Forgets the scheme that of(repository) returned, unless another one has replaced it.
  void forget(const std::string& repository, const AuthScheme& scheme);

 private:
  struct Own {
    AuthScheme scheme;
    std::list<const std::string*>::iterator place;  ///< in by_age_
  };
  using Owned = std::map<std::string, Own, std::less<>>;

  void forget(Owned::iterator at);

  std::optional<AuthScheme> common_;
  Owned own_;                             ///< by repository
  std::list<const std::string*> by_age_;  ///< names in own_; the oldest first
};

}  // namespace entrepot::upstream
