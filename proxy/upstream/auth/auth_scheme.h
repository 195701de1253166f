// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>

#include "proxy/upstream/auth/challenge.h"

namespace entrepot::upstream {

/// How an origin wants to be asked, as a challenge of its 401 says.
struct AuthScheme {
  enum class Kind { bearer, basic };
  Kind kind = Kind::bearer;
  std::string realm;    ///< bearer: the token server's URL, not yet vetted
  std::string service;  ///< bearer: may be empty
  std::string scope;    ///< bearer: what this one answer asked for; may be empty

  /// The realm's own query has a scope (nvcr.io): it is good for the question that was answered
  /// with it, and for no other repository's.
  bool of_one_question() const;
  /// The same server is asked for tokens, in the same way; scopes do not count.
  bool same_server(const AuthScheme& other) const {
    return kind == other.kind && realm == other.realm && service == other.service;
  }
};

/// The scheme to use: Bearer when offered with a realm, else Basic if there are credentials;
/// nullopt when nothing offered can be done. Values with control characters, or longer than 4 KiB,
/// are not taken. Pure; any thread.
std::optional<AuthScheme> choose_scheme(std::span<const Challenge> challenges,
                                        bool have_credentials);

}  // namespace entrepot::upstream
