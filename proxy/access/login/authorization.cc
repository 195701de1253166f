// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/authorization.h"

#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "proxy/base/secret.h"
#include "proxy/base/text.h"

namespace entrepot::access {
namespace {

bool consists_of(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(),
                     [extra](char c) { return is_alnum(c) || extra.find(c) != extra.npos; });
}

/// `text` without "=" at its end.
std::string_view without_padding(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  return text;
}

/// Decodes base64 (RFC 4648 §4) with or without padding into `bytes`, which the caller wipes. False
/// if it is not base64, or empty.
bool decode_base64(std::string_view text, std::string& bytes) {
  const std::string_view digits = without_padding(text);
  const std::size_t padding = text.size() - digits.size();
  const std::size_t beyond = digits.size() % 4;
  if (digits.empty() || beyond == 1 || !consists_of(digits, "+/")) return false;
  if (padding != 0 && padding != (4 - beyond) % 4) return false;
  std::string padded;
  padded.reserve(digits.size() + 3);
  padded.append(digits).append((4 - beyond) % 4, '=');
  bytes.resize(padded.size() / 4 * 3);
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(padded.data()),
                                   static_cast<int>(padded.size()));
  wipe(padded);
  if (size < 0) return false;
  bytes.resize(digits.size() * 3 / 4);  // EVP_DecodeBlock counts the padding as bytes
  return true;
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

}  // namespace

Authorization::Authorization(Authorization&& other) noexcept
    : kind_(std::exchange(other.kind_, AuthorizationKind::none)) {
  // A short text lies in the object itself, where a move leaves a copy.
  user_.swap(other.user_);
  secret_.swap(other.secret_);
}

Authorization& Authorization::operator=(Authorization&& other) noexcept {
  std::swap(kind_, other.kind_);
  user_.swap(other.user_);
  secret_.swap(other.secret_);
  return *this;
}

Authorization::~Authorization() {
  wipe(user_);
  wipe(secret_);
}

Authorization Authorization::parse(std::string_view value) {
  if (value.empty()) return {};
  if (value.size() > max_size) return Authorization(AuthorizationKind::malformed);
  const std::size_t space = std::min(value.find(' '), value.size());
  const std::string_view scheme = value.substr(0, space);
  const std::string_view rest = trim(value.substr(space));
  if (scheme.empty() || !std::all_of(scheme.begin(), scheme.end(), is_token_char))
    return Authorization(AuthorizationKind::malformed);
  if (equals_ignoring_case(scheme, "basic")) return parse_basic(rest);
  if (equals_ignoring_case(scheme, "bearer")) return parse_bearer(rest);
  return Authorization(AuthorizationKind::unsupported);
}

Authorization Authorization::parse_basic(std::string_view base64) {
  Authorization result(AuthorizationKind::malformed);
  std::string plain;
  const bool decoded = decode_base64(base64, plain);
  const std::size_t colon = plain.find(':');
  if (decoded && colon != plain.npos && !has_control_character(plain)) {
    result.kind_ = AuthorizationKind::basic;
    result.user_.assign(plain, 0, colon);
    result.secret_.assign(plain, colon + 1);
  }
  wipe(plain);
  return result;
}

Authorization Authorization::parse_bearer(std::string_view token) {
  const std::string_view head = without_padding(token);
  if (head.empty() || !consists_of(head, "-._~+/"))
    return Authorization(AuthorizationKind::malformed);
  Authorization result(AuthorizationKind::bearer);
  result.secret_.assign(token);
  return result;
}

}  // namespace entrepot::access
