// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/auth_scheme.h"

#include <algorithm>

namespace entrepot::upstream {
namespace {

bool usable(std::string_view value) {
  return value.size() <= 4096 &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c != 0x7f; });
}

}  // namespace

std::optional<AuthScheme> choose_scheme(std::span<const Challenge> challenges,
                                        bool have_credentials) {
  for (const Challenge& challenge : challenges) {
    const std::string_view realm = challenge.parameter("realm");
    const std::string_view service = challenge.parameter("service");
    const std::string_view scope = challenge.parameter("scope");
    if (challenge.scheme != "bearer" || realm.empty()) continue;
    if (!usable(realm) || !usable(service) || !usable(scope)) continue;
    return AuthScheme{.kind = AuthScheme::Kind::bearer,
                      .realm = std::string(realm),
                      .service = std::string(service),
                      .scope = std::string(scope)};
  }
  const bool basic = std::any_of(challenges.begin(), challenges.end(),
                                 [](const Challenge& c) { return c.scheme == "basic"; });
  if (basic && have_credentials) {
    return AuthScheme{.kind = AuthScheme::Kind::basic, .realm = {}, .service = {}, .scope = {}};
  }
  return std::nullopt;
}

}  // namespace entrepot::upstream
