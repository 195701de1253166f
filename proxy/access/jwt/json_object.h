// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::access {

/// Levels of objects and lists within each other that a token or a set of keys may have.
inline constexpr int deepest_json = 16;

/// Parses one JSON object. nullopt for anything else, a key that an object has twice (RFC 7519 §4),
/// deeper levels than deepest_json, and a number that is out of range. Never throws because of
/// `text`. Pure; any thread.
std::optional<nlohmann::json> parse_json_object(std::string_view text);

/// The text at `key`, nullptr if it is absent or no text.
const std::string* text_at(const nlohmann::json& object, const char* key);

}  // namespace entrepot::access
