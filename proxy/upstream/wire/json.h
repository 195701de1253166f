// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace entrepot::upstream {

/// Deepest nesting of foreign JSON we read; manifests, indexes and listings need six.
inline constexpr int max_json_depth = 32;

/// True when no object or array of `text` lies deeper than max_json_depth. Looks at brackets only
/// (outside strings): it need not be valid JSON. Pure; any thread.
bool json_depth_ok(std::string_view text);

/// Foreign JSON: nullopt when it is not valid, not UTF-8, or too deep. The caller caps its size.
std::optional<nlohmann::json> parse_json(std::string_view text);

}  // namespace entrepot::upstream
