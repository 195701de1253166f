// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/base/text.h"

namespace entrepot::access {

/// Bytes of the longest part of a token in JwtRefusal::detail.
inline constexpr std::size_t longest_detail = 64;

/// `"iss" is "https://other"`: a member of a token with its value, for JwtRefusal::detail.
inline std::string member_text(std::string_view name, std::string_view value) {
  return "\"" + std::string(name) + "\" is \"" + printable_excerpt(value, longest_detail) + "\"";
}

}  // namespace entrepot::access
