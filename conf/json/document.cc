// SPDX-License-Identifier: Apache-2.0
#include "conf/json/document.h"

#include <string>

#include "conf/json/duplicate_keys.h"

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

}  // namespace

std::optional<Json> parse_document(std::string_view text, Problems& problems) {
  const auto errors_before = problems.errors.size();
  try {
    constexpr bool throws = true, comments = true;
    // Passed by reference, because the parser stores it in a std::function.
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
    problems.error("", syntax_fault(text, error));
  } catch (const Json::out_of_range&) {
    problems.error("", "holds a number that is out of range");
  }
  return std::nullopt;
}

Json builtin_document() { return Json::parse(builtin_text); }

}  // namespace entrepot::conf
