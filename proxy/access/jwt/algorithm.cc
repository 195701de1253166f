// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/algorithm.h"

#include <algorithm>

namespace entrepot::access {

std::optional<JwtAlgorithm> algorithm_of(std::string_view name) {
  constexpr auto& names = metrics::words<JwtAlgorithm>;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<JwtAlgorithm>(found - names.begin());
}

KeyType key_type_of(JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::es256:
      return KeyType::p256;
    case JwtAlgorithm::es384:
      return KeyType::p384;
    case JwtAlgorithm::eddsa:
      return KeyType::ed25519;
    default:
      return KeyType::rsa;
  }
}

}  // namespace entrepot::access
