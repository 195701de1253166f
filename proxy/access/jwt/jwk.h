// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <variant>

#include "proxy/access/jwt/public_key.h"
#include "proxy/access/problem.h"

namespace entrepot::access {

/// The public key of a JWK (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2) with its `kid` and `alg`.
/// nullopt for a key of another type, curve, algorithm or use, which a set may contain. The fault
/// of a key that has the right type and cannot be used. Any thread.
std::optional<std::variant<PublicKey, Fault>> key_of_jwk(const nlohmann::json& jwk);

}  // namespace entrepot::access
