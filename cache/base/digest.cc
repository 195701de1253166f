// SPDX-License-Identifier: Apache-2.0
#include "cache/base/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "metrics/check.h"

namespace entrepot::cache {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

constexpr std::int8_t no_digit = -1;

/// Upper-case digits are not canonical and therefore invalid (OCI image-spec, descriptor.md,
/// "Digests").
constexpr std::array<std::int8_t, 256> make_hex_values() {
  std::array<std::int8_t, 256> values;
  values.fill(no_digit);
  for (std::size_t i = 0; i < hex_digits.size(); ++i)
    values[static_cast<unsigned char>(hex_digits[i])] = static_cast<std::int8_t>(i);
  return values;
}
/// A table, because each request parses a digest.
constexpr std::array<std::int8_t, 256> hex_values = make_hex_values();

constexpr std::array<std::array<char, 2>, 256> make_hex_pairs() {
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i)
    pairs[i] = {hex_digits[i >> 4], hex_digits[i & 15]};
  return pairs;
}
/// A table, because each reply has a digest.
constexpr std::array<std::array<char, 2>, 256> hex_pairs = make_hex_pairs();

int hex_value(char c) { return hex_values[static_cast<unsigned char>(c)]; }

const EVP_MD* implementation(Algorithm algorithm) {
  return algorithm == Algorithm::sha256 ? EVP_sha256() : EVP_sha512();
}

EVP_MD_CTX* evp(void* context) { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

std::optional<Digest> Digest::parse(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto name = text.substr(0, colon);
  const auto hex = text.substr(colon + 1);
  Algorithm algorithm;
  if (name == "sha256") {
    algorithm = Algorithm::sha256;
  } else if (name == "sha512") {
    algorithm = Algorithm::sha512;
  } else {
    return std::nullopt;
  }
  if (hex.size() != 2 * length(algorithm)) return std::nullopt;
  std::array<std::uint8_t, 64> bytes{};
  for (std::size_t i = 0; i < length(algorithm); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if ((high | low) < 0) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return Digest(algorithm, std::span(bytes).first(length(algorithm)));
}

Digest::Digest(Algorithm algorithm, std::span<const std::uint8_t> bytes) : algorithm_(algorithm) {
  check(bytes.size() == length(algorithm), "a digest has the length of its algorithm");
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

std::string_view Digest::algorithm_name() const {
  return algorithm_ == Algorithm::sha256 ? "sha256" : "sha512";
}

char* Digest::write_hex(char* out) const {
  for (const std::uint8_t byte : bytes()) {
    std::memcpy(out, hex_pairs[byte].data(), 2);
    out += 2;
  }
  return out;
}

std::string Digest::hex() const {
  std::string text(2 * length(algorithm_), '0');
  write_hex(text.data());
  return text;
}

std::string Digest::str() const {
  std::string text(algorithm_name());
  text.push_back(':');
  return text += hex();
}

std::size_t Digest::hash() const {
  std::size_t first;
  std::memcpy(&first, bytes_.data(), sizeof first);
  return first;
}

Digest digest_of(Algorithm algorithm, std::span<const std::byte> content) {
  Hasher hasher(algorithm);
  hasher.update(content);
  return hasher.finish();
}

Hasher::Hasher(Algorithm algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  check(context_ != nullptr && EVP_DigestInit_ex(evp(context_), implementation(algorithm), nullptr),
        "OpenSSL knows sha256 and sha512");
}

Hasher::~Hasher() { EVP_MD_CTX_free(evp(context_)); }

Hasher::Hasher(Hasher&& other) noexcept
    : algorithm_(other.algorithm_), context_(std::exchange(other.context_, nullptr)) {}

Hasher& Hasher::operator=(Hasher&& other) noexcept {
  std::swap(algorithm_, other.algorithm_);
  std::swap(context_, other.context_);
  return *this;
}

void Hasher::update(std::span<const std::byte> piece) {
  check(EVP_DigestUpdate(evp(context_), piece.data(), piece.size()) == 1, "digest update");
}

Digest Hasher::finish() {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  check(EVP_DigestFinal_ex(evp(context_), out.data(), &size) == 1, "digest final");
  return Digest(algorithm_, std::span(out).first(size));
}

}  // namespace entrepot::cache
