// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace entrepot::cache {

enum class Algorithm : std::uint8_t { sha256, sha512 };

/// A content digest, `alg:hex` (OCI image-spec, descriptor.md, "Digests"). Supports only algorithms
/// that the cache can verify and parses only the canonical lower-case form. Two digests therefore
/// name the same content exactly if they compare equal. A value type; any thread.
class Digest {
 public:
  /// Parses `sha256:` with 64, or `sha512:` with 128, lower-case hex digits. Returns nullopt for
  /// anything else.
  static std::optional<Digest> parse(std::string_view text);

  /// Constructs from raw bytes. REQUIRES: `bytes` has exactly the length of the algorithm.
  Digest(Algorithm algorithm, std::span<const std::uint8_t> bytes);

  Algorithm algorithm() const { return algorithm_; }
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), length(algorithm_)}; }

  /// Returns "sha256" or "sha512".
  std::string_view algorithm_name() const;
  std::string hex() const;
  /// Writes the text of hex(): two characters for each byte. Returns the position after them.
  char* write_hex(char* out) const;
  /// Returns "sha256:<hex>" or "sha512:<hex>".
  std::string str() const;

  /// Number of bytes in a digest of this algorithm.
  static constexpr std::size_t length(Algorithm algorithm) {
    return algorithm == Algorithm::sha256 ? 32 : 64;
  }

  /// A hash for tables. Digests are uniformly distributed, so it uses their first bytes.
  std::size_t hash() const;

  friend bool operator==(const Digest&, const Digest&) = default;

 private:
  Algorithm algorithm_;
  std::array<std::uint8_t, 64> bytes_{};
};

/// Computes the digest of `content` on the calling thread.
Digest digest_of(Algorithm algorithm, std::span<const std::byte> content);
inline Digest digest_of(Algorithm algorithm, std::string_view content) {
  return digest_of(algorithm, std::as_bytes(std::span(content)));
}

/// Computes a digest incrementally. One thread at a time.
class Hasher {
 public:
  explicit Hasher(Algorithm algorithm);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void update(std::span<const std::byte> piece);
  /// Returns the digest of all pieces. The hasher may only be destroyed afterwards.
  Digest finish();

 private:
  Algorithm algorithm_;
  void* context_;  // EVP_MD_CTX, owned
};

}  // namespace entrepot::cache

template <>
struct std::hash<entrepot::cache::Digest> {
  std::size_t operator()(const entrepot::cache::Digest& digest) const { return digest.hash(); }
};
