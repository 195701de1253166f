// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "metrics/word_table.h"

namespace entrepot::access {

/// The form of an Authorization field.
enum class AuthorizationKind : std::uint8_t {
  none,         ///< empty
  basic,        ///< a user and a password (RFC 7617)
  bearer,       ///< a token (RFC 6750 §2.1)
  unsupported,  ///< another scheme
  malformed,    ///< follows no grammar, or is longer than 16 KiB
};

/// The credentials of a request, taken from the value of its Authorization field. They are wiped
/// from memory by the destructor. Any thread; moves, does not copy.
///
/// A value that registry::well_formed_authorization() refuses is unsupported or malformed here. The
/// reverse does not hold: a Basic value also has to decode to a user and a password, with a colon
/// between them and without control characters (RFC 7617 §2).
class Authorization {
 public:
  static constexpr std::size_t max_size = 16 << 10;

  /// Kind none.
  Authorization() = default;
  /// Never throws because of `value`. The schemes are matched without case (RFC 9110 §11.1).
  /// Missing padding of base64 is accepted, because some clients leave it out.
  static Authorization parse(std::string_view value);
  Authorization(const Authorization&) = delete;
  Authorization& operator=(const Authorization&) = delete;
  Authorization(Authorization&& other) noexcept;
  Authorization& operator=(Authorization&& other) noexcept;
  ~Authorization();

  AuthorizationKind kind() const { return kind_; }
  /// Basic only: the bytes before the first colon; may be empty.
  const std::string& user() const { return user_; }
  /// Basic: the password, which may be empty. Bearer: the token.
  const std::string& secret() const { return secret_; }

 private:
  explicit Authorization(AuthorizationKind kind) : kind_(kind) {}
  static Authorization parse_basic(std::string_view base64);
  static Authorization parse_bearer(std::string_view token);

  AuthorizationKind kind_ = AuthorizationKind::none;
  std::string user_;
  std::string secret_;
};

}  // namespace entrepot::access

namespace entrepot::metrics {

template <>
inline constexpr auto words<access::AuthorizationKind> = make_words<access::AuthorizationKind>({
    {access::AuthorizationKind::none, "none"},
    {access::AuthorizationKind::basic, "basic"},
    {access::AuthorizationKind::bearer, "bearer"},
    {access::AuthorizationKind::unsupported, "unsupported"},
    {access::AuthorizationKind::malformed, "malformed"},
});

}  // namespace entrepot::metrics
