// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/json.h"

namespace entrepot::upstream {

bool json_depth_ok(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > max_json_depth) return false;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return true;
}

std::optional<nlohmann::json> parse_json(std::string_view text) {
  if (!json_depth_ok(text)) return std::nullopt;
  nlohmann::json document =
      nlohmann::json::parse(text, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return std::nullopt;
  return document;
}

}  // namespace entrepot::upstream
