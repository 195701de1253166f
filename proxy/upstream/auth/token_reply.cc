// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/auth/token_reply.h"

#include <algorithm>
#include <cmath>

#include "proxy/upstream/wire/json.h"

namespace entrepot::upstream {
namespace {

constexpr double min_lifetime_seconds = 60;
constexpr double max_lifetime_seconds = 24 * 60 * 60;

bool fits_header(const std::string& token) {
  return !token.empty() && token.size() <= max_token &&
         std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::optional<std::string> token_of(const nlohmann::json& document) {
  for (const char* name : {"token", "access_token"}) {
    const auto field = document.find(name);
    if (field == document.end() || !field->is_string()) continue;
    auto token = field->get<std::string>();
    if (fits_header(token)) return token;
  }
  return std::nullopt;
}

}  // namespace

std::optional<TokenReply> parse_token_reply(std::string_view body) {
  if (body.size() > max_token_body) return std::nullopt;
  const auto document = parse_json(body);
  if (!document || !document->is_object()) return std::nullopt;
  auto token = token_of(*document);
  if (!token) return std::nullopt;

  TokenReply reply{.token = std::move(*token)};
  const auto expires = document->find("expires_in");
  if (expires != document->end() && expires->is_number()) {
    const double seconds = expires->get<double>();
    if (!std::isnan(seconds)) {
      reply.lifetime = std::chrono::seconds(static_cast<std::int64_t>(
          std::clamp(seconds, min_lifetime_seconds, max_lifetime_seconds)));
    }
  }
  return reply;
}

}  // namespace entrepot::upstream
