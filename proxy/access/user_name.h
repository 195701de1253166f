// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::access {

/// Bytes of the longest user name or name of a token, as in htpasswd files.
inline constexpr std::size_t longest_user_name = 255;
/// Bytes of the longest name in a rule. The subject of a service account of Kubernetes has up to
/// 339.
inline constexpr std::size_t longest_login_name = 512;

/// The fault of a user name or of a token's name; nullopt if it has none. A name has no colon,
/// because Basic separates it from the password by one (RFC 7617 §2), and no control character. Any
/// thread.
std::optional<std::string> fault_of_user_name(std::string_view name);

/// As above for a name of any login, also for the user of a JWT: it may be longer and have colons,
/// as "system:serviceaccount:ci:builder" has. Any thread.
std::optional<std::string> fault_of_login_name(std::string_view name);

}  // namespace entrepot::access
