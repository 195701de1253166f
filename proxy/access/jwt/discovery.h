// SPDX-License-Identifier: Apache-2.0
// The address of the keys of an issuer (OpenID Connect Discovery 1.0, §3 and §4).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/access/problem.h"

namespace entrepot::access {

inline constexpr std::size_t longest_metadata = 64 << 10;  ///< bytes

/// The URL of the metadata of an issuer: ISSUER/.well-known/openid-configuration.
std::string metadata_url(std::string_view issuer);

/// The `jwks_uri` of the metadata of `issuer`. The fault of a document that is no JSON object, is
/// of another issuer, or has no such text. Never throws because of `text`. Pure; any thread.
std::variant<std::string, Fault> keys_url(std::string_view text, std::string_view issuer);

}  // namespace entrepot::access
