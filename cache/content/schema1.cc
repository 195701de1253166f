// SPDX-License-Identifier: Apache-2.0
#include "cache/content/schema1.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace entrepot::cache {
namespace {

using Json = nlohmann::json;

/// Maximum length of the protected header, which consists of two numbers and a date.
constexpr std::size_t max_protected_size = 1024;

/// Decodes unpadded base64url (RFC 7515 §2). Returns nullopt for anything else.
std::optional<std::string> decode(std::string text) {
  if (text.empty() || text.size() % 4 == 1 || text.size() > max_protected_size) return std::nullopt;
  if (text.find_first_of("+/=") != text.npos) return std::nullopt;
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  const std::size_t padding = (4 - text.size() % 4) % 4;
  text.append(padding, '=');
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < static_cast<int>(padding)) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return bytes;
}

std::optional<std::string> text_of(const Json& object, const char* member) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return decode(found->get<std::string>());
}

}  // namespace

std::optional<Digest> signed_payload_digest(Algorithm algorithm, std::string_view bytes) {
  const Json document = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("fsLayers")) return std::nullopt;
  const auto signatures = document.find("signatures");
  if (signatures == document.end() || !signatures->is_array() || signatures->empty())
    return std::nullopt;
  const auto text = text_of(signatures->front(), "protected");
  if (!text) return std::nullopt;
  const Json rule = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const auto tail = text_of(rule, "formatTail");
  if (!tail) return std::nullopt;
  const auto length = rule.find("formatLength");
  if (length == rule.end() || !length->is_number_unsigned()) return std::nullopt;
  if (length->get<std::uint64_t>() > bytes.size()) return std::nullopt;
  return digest_of(algorithm, std::string(bytes.substr(0, length->get<std::size_t>())) + *tail);
}

Failure schema1_unsupported() {
  Failure failure{
      FailureKind::not_found,
      "a schema 1 manifest, which this mirror does not serve; push the image again with "
      "a current client"};
  failure.reason = failure.message;
  return failure;
}

}  // namespace entrepot::cache
