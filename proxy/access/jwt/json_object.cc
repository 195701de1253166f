// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/json_object.h"

#include <set>
#include <utility>
#include <vector>

namespace entrepot::access {

using Json = nlohmann::json;

std::optional<Json> parse_json_object(std::string_view text) {
  bool sound = true;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key)
      sound = keys.back().insert(parsed.get<std::string>()).second && sound;
    sound = sound && depth <= deepest_json;
    return true;
  };
  Json parsed = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (!sound || !parsed.is_object()) return std::nullopt;
  return parsed;
}

const std::string* text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

}  // namespace entrepot::access
