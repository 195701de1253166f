// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "conf/json/problems.h"

namespace entrepot::conf {

/// Detects duplicate keys during parsing, because JSON does not define which of them applies (RFC
/// 8259 §4). Called by the parser for each event.
class DuplicateKeys {
 public:
  /// `problems` must outlive this object.
  explicit DuplicateKeys(Problems& problems) : problems_(problems) {}

  template <typename AnyJson>
  bool operator()(int /*depth*/, nlohmann::json::parse_event_t event, const AnyJson& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) {
      objects_.emplace_back();
    } else if (event == Event::object_end) {
      objects_.pop_back();
    } else if (event == Event::key) {
      auto& object = objects_.back();
      object.current = parsed.template get<std::string>();
      if (!object.keys.insert(object.current).second)
        problems_.error(path(), "given twice; keep one of them");
    }
    return true;
  }

 private:
  struct Object {
    std::set<std::string> keys;
    std::string current;
  };

  std::string path() const {
    std::string path;
    for (const auto& object : objects_) path += (path.empty() ? "" : ".") + object.current;
    return path;
  }

  Problems& problems_;
  std::vector<Object> objects_;
};

}  // namespace entrepot::conf
