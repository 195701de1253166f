// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::access {

using Sha256 = std::array<std::uint8_t, 32>;

/// SHA-256 of a text. Thread-safe. Throws std::runtime_error if OpenSSL cannot compute it.
Sha256 sha256_of(std::string_view text);

/// 64 lower-case hexadecimal digits.
std::string hex(const Sha256& hash);
/// Parses 64 hexadecimal digits of either case; nullopt for anything else.
std::optional<Sha256> parse_sha256(std::string_view text);

}  // namespace entrepot::access
