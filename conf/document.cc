// SPDX-License-Identifier: Apache-2.0
#include "conf/document.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace entrepot::conf {
namespace {

constexpr std::string_view builtin_text = R"({
  "listen": [ { "address": "127.0.0.1:5000" } ],
  "admin": { "address": "127.0.0.1:5080" },
  "upstreams": {
    "docker.io": {
      "aliases": [ "index.docker.io", "registry-1.docker.io" ],
      "endpoints": [ { "url": "https://registry-1.docker.io" } ]
    },
    "ghcr.io": { "endpoints": [ { "url": "https://ghcr.io" } ] },
    "quay.io": { "endpoints": [ { "url": "https://quay.io" } ] },
    "registry.k8s.io": { "endpoints": [ { "url": "https://registry.k8s.io" } ] },
    "gcr.io": { "endpoints": [ { "url": "https://gcr.io" } ] },
    "mcr.microsoft.com": { "endpoints": [ { "url": "https://mcr.microsoft.com" } ] }
  }
})";

/// Finds keys given twice while the parser goes through the text.
class DuplicateKeys {
 public:
  explicit DuplicateKeys(Problems& problems) : problems_(problems) {}

  bool operator()(int /*depth*/, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start) {
      objects_.emplace_back();
    } else if (event == Event::object_end) {
      objects_.pop_back();
    } else if (event == Event::key) {
      auto& object = objects_.back();
      object.current = parsed.get<std::string>();
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

/// "[json.exception.parse_error.101] parse error at line 3, column 5: <what we want>"
std::string parser_message(std::string_view text) {
  const auto colon = text.find(": ");
  return std::string(colon == std::string_view::npos ? text : text.substr(colon + 2));
}

void report_syntax(std::string_view text, const Json::parse_error& error, Problems& problems) {
  // `byte` counts what has been read, the offending byte included; at the end it is one further.
  const auto before = text.substr(0, std::min(text.size(), error.byte > 0 ? error.byte - 1 : 0));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto line_start = before.rfind('\n');
  const auto column =
      before.size() - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1;
  problems.error("line " + std::to_string(line) + ", column " + std::to_string(column),
                 "not JSON: " + parser_message(error.what()));
}

}  // namespace

std::optional<Json> parse_document(std::string_view text, Problems& problems) {
  const auto errors_before = problems.errors.size();
  try {
    constexpr bool throws = true, comments = true;
    // By name, not by copy: the parser keeps a std::function of it.
    DuplicateKeys duplicates(problems);
    Json document = Json::parse(
        text,
        [&](int depth, Json::parse_event_t event, Json& parsed) {
          return duplicates(depth, event, parsed);
        },
        throws, comments);
    if (!document.is_object())
      problems.error("", "not a configuration: expected an object { … }, found " +
                             std::string(kind_of(document)));
    if (problems.errors.size() == errors_before) return document;
  } catch (const Json::parse_error& error) {
    report_syntax(text, error, problems);
  }
  return std::nullopt;
}

Json builtin_document() { return Json::parse(builtin_text); }

}  // namespace entrepot::conf
