// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::access {

/// Bytes of the longest user name or name of a token, as in htpasswd files.
inline constexpr std::size_t longest_user_name = 255;

/// The fault of a user name or of a token's name; nullopt if it has none. A name has no colon,
/// because Basic separates it from the password by one (RFC 7617 §2), and no control character. Any
/// thread.
std::optional<std::string> fault_of_user_name(std::string_view name);

}  // namespace entrepot::access
