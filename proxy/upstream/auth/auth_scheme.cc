// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/auth/auth_scheme.h"

#include <algorithm>

#include "proxy/base/text.h"

namespace entrepot::upstream {
namespace {

bool usable(std::string_view value) {
  return value.size() <= 4096 && std::none_of(value.begin(), value.end(), [](char c) {
           return (static_cast<unsigned char>(c) < ' ') || c == 0x7f;
         });
}

}  // namespace

bool AuthScheme::of_one_question() const {
  // The realm has not been parsed, and need not be a URL.
  std::size_t at = std::min(realm.find('?'), realm.size());
  while (at < realm.size()) {
    const std::size_t next = std::min(realm.find_first_of("&#", at + 1), realm.size());
    const auto parameter = std::string_view(realm).substr(at + 1, next - at - 1);
    if (equals_ignoring_case(parameter.substr(0, parameter.find('=')), "scope")) return true;
    at = next < realm.size() && realm[next] == '#' ? realm.size() : next;
  }
  return false;
}

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
