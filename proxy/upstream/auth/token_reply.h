// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::upstream {

/// Largest body of a token server we read, in bytes.
inline constexpr std::size_t max_token_body = 64 * 1024;

/// Longest token that is used, in bytes: it goes into a header field, and common servers take no
/// longer lines than 8 or 16 KiB.
inline constexpr std::size_t max_token = 16 * 1024;

/// The token that a server grants (distribution, docs/content/spec/auth/token.md).
struct TokenReply {
  std::string token;
  std::chrono::seconds lifetime{60};
};

/// Reads the JSON of a token server. `token` is preferred to `access_token`; `expires_in` is 60 s
/// when absent and clamped to [60 s, 24 h], as containers/image and dockerd do. issued_at is
/// ignored: the server's clock need not be ours. nullopt when there is no token, or one that cannot
/// go into a header (RFC 6750 §2.1) or is longer than max_token, or the body is not JSON. Pure; any
/// thread.
std::optional<TokenReply> parse_token_reply(std::string_view body);

}  // namespace entrepot::upstream
