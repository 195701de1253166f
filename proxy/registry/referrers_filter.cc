// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/referrers_filter.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "proxy/registry/query.h"

namespace entrepot::registry {
namespace {

constexpr std::size_t max_type = 255;
constexpr std::size_t max_types = 16;
constexpr int max_depth = 32;

// Keeps the order of members as the upstream wrote them.
using Json = nlohmann::ordered_json;

bool is_one_of(const Json& descriptor, const std::vector<std::string>& types) {
  if (!descriptor.is_object()) return false;
  const auto member = descriptor.find("artifactType");
  if (member == descriptor.end() || !member->is_string()) return false;
  return std::find(types.begin(), types.end(), member->get_ref<const std::string&>()) !=
         types.end();
}

/// nullopt unless `text` is a JSON object no deeper than max_depth.
std::optional<Json> parse_bounded(std::string_view text) {
  bool too_deep = false;
  Json document = Json::parse(
      text.begin(), text.end(),
      [&](int depth, Json::parse_event_t, Json&) {
        too_deep |= depth > max_depth;
        return !too_deep;
      },
      /*allow_exceptions=*/false);
  if (too_deep || !document.is_object()) return std::nullopt;
  return document;
}

}  // namespace

std::vector<std::string> parse_artifact_types(std::string_view query) {
  std::vector<std::string> types;
  QueryReader reader(query);
  while (const auto parameter = reader.next()) {
    if (parameter->name != "artifactType" || types.size() == max_types) continue;
    auto type = decode_parameter(parameter->value, max_type);
    if (type && !type->empty()) types.push_back(std::move(*type));
  }
  return types;
}

std::optional<std::string> filter_referrers(std::string_view index,
                                            const std::vector<std::string>& types) {
  std::optional<Json> document = parse_bounded(index);
  if (!document) return std::nullopt;
  const auto manifests = document->find("manifests");
  if (manifests == document->end() || !manifests->is_array()) return std::nullopt;
  Json kept = Json::array();
  for (Json& descriptor : *manifests)
    if (is_one_of(descriptor, types)) kept.push_back(std::move(descriptor));
  *manifests = std::move(kept);
  return document->dump();  // cannot throw: the parser has refused what is not UTF-8
}

}  // namespace entrepot::registry
