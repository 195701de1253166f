// SPDX-License-Identifier: Apache-2.0
// Whose fault a refusal is: the account's, or the repository's. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>

namespace entrepot::upstream {

/// The result of a login of an account at `/v2/`, which is what `docker login` does: it concerns
/// no repository.
enum class AccountVerdict : std::uint8_t {
  accepted,
  refused,
  forbidden,     ///< 403, perhaps of a firewall: refused if a second check says so
  everybody,     ///< 403, which the anonymous user gets as well: it says nothing about the account
  undetermined,  ///< `/v2/` is open to anybody, and there is no token server that knows passwords
  unanswered,    ///< the endpoint or its token server did not answer, or not as one does
};

/// The responses to such a login.
struct AccountEvidence {
  /// The endpoint is another mirror: it sends no challenge, and refuses a wrong login, or none, by
  /// 403 (docs/configuration.md).
  bool mirror = false;
  /// The status of `GET /v2/` without a login; 0: no response.
  int anonymous_status = 0;
  /// The status of the token server, which got the password; nullopt: no token is needed. 0: no
  /// response.
  std::optional<int> token_status = std::nullopt;
  /// The token server has given a token for the password.
  bool granted = false;
  /// The status of `GET /v2/` with the token or the password; nullopt: not sent. 0: no response.
  std::optional<int> base_status = std::nullopt;
  /// The last response with the login was an HTML page (is_page): of a proxy or a firewall.
  bool page = false;
};

/// A password or token that is answered with 401 where no repository is named is refused. A 403 is
/// `forbidden`, unless it is an HTML page or the anonymous user gets it as well. A token server
/// that grants a token has accepted the password; without one, only an `/v2/` that refuses
/// anonymous requests shows whether it is accepted.
AccountVerdict judge(const AccountEvidence& evidence);

/// Whose refusal a 401 or 403 is that the account got for a request about a repository.
enum class Blame : std::uint8_t {
  account,     ///< everything would be refused
  repository,  ///< this account may not read it; it is the answer
  unknown,     ///< keep what is stored
};

/// `status`: of the refusal, by the endpoint or by its token server. `forbidden` and `everybody`
/// leave it open, and so does a missing answer. An `undetermined` 401 leaves it
/// open; a 403 comes after a login that succeeded (RFC 9110 section 15.5.4).
Blame blame_of(int status, AccountVerdict verdict);

}  // namespace entrepot::upstream
