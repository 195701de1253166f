// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace entrepot::access {

/// A keyed hash of texts under a random key of its own, so that its values tell nothing without the
/// key: BLAKE2b of 16 bytes (RFC 7693). Thread-safe.
class KeyedHash {
 public:
  /// 128 bits, uniformly distributed.
  using Value = std::array<std::uint64_t, 2>;
  /// Texts of more bytes together have no value.
  static constexpr std::size_t max_input = 2048;

  /// Throws std::runtime_error if OpenSSL has no random bytes or no BLAKE2b.
  KeyedHash();
  KeyedHash(const KeyedHash&) = delete;
  KeyedHash& operator=(const KeyedHash&) = delete;
  /// Overwrites the key.
  ~KeyedHash();

  /// Depends on each text and on the borders between them. nullopt above max_input, and if OpenSSL
  /// fails.
  std::optional<Value> of(std::span<const std::string_view> texts) const;

 private:
  std::array<std::uint8_t, 32> key_{};
};

}  // namespace entrepot::access
