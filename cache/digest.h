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

/// The name of a piece of content, `alg:hex` (OCI image-spec, descriptor.md, "Digests").
/// Only algorithms we can verify exist here, and only the canonical lower-case form parses, so two
/// digests name the same content exactly when they compare equal. A value type; any thread.
class Digest {
 public:
  /// `sha256:` and 64, or `sha512:` and 128, lower-case hex digits; anything else is nullopt.
  static std::optional<Digest> parse(std::string_view text);

  /// From raw bytes; `bytes` has exactly the length of the algorithm.
  Digest(Algorithm algorithm, std::span<const std::uint8_t> bytes);

  Algorithm algorithm() const { return algorithm_; }
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), length(algorithm_)}; }

  /// "sha256"
  std::string_view algorithm_name() const;
  std::string hex() const;
  /// "sha256:<hex>"
  std::string str() const;

  /// Bytes in a digest of this algorithm.
  static constexpr std::size_t length(Algorithm algorithm) {
    return algorithm == Algorithm::sha256 ? 32 : 64;
  }

  /// A well-spread hash: digests are uniform already, so the first bytes serve.
  std::size_t hash() const;

  friend bool operator==(const Digest&, const Digest&) = default;

 private:
  Algorithm algorithm_;
  std::array<std::uint8_t, 64> bytes_{};
};

/// Digest of `content`, computed now on this thread.
Digest digest_of(Algorithm algorithm, std::span<const std::byte> content);
inline Digest digest_of(Algorithm algorithm, std::string_view content) {
  return digest_of(algorithm, std::as_bytes(std::span(content)));
}

/// A digest computed piece by piece. One thread at a time.
class Hasher {
 public:
  explicit Hasher(Algorithm algorithm);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void update(std::span<const std::byte> piece);
  /// The digest of all pieces; the hasher may only be destroyed afterwards.
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
