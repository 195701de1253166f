// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/token.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string_view>

namespace entrepot::access {
namespace {

constexpr std::string_view base64url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

std::string random_token_text() {
  std::array<std::uint8_t, 32> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    throw std::runtime_error("OpenSSL has no random bytes for a token");
  std::string text;
  text.reserve(token_prefix.size() + 43);
  text.append(token_prefix);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const std::uint8_t byte : random) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 6; count -= 6) text += base64url[bits >> (count - 6) & 0x3f];
  }
  text += base64url[bits << (6 - count) & 0x3f];  // 256 bits leave 4
  OPENSSL_cleanse(random.data(), random.size());
  return text;
}

}  // namespace entrepot::access
