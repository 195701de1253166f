// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/referrers_filter.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "proxy/registry/query.h"

namespace entrepot::registry {
namespace {

constexpr std::size_t max_type = 255;
constexpr std::size_t max_types = 16;

}  // namespace

std::vector<std::string> parse_artifact_types(std::string_view query) {
  std::vector<std::string> types;
  QueryReader reader(query);
  while (const auto parameter = reader.next()) {
    if (parameter->name != "artifactType" || types.size() == max_types) continue;
    auto type = decode_parameter(parameter->value, max_type);
    if (!type || type->empty() || std::ranges::find(types, *type) != types.end()) continue;
    types.push_back(std::move(*type));
  }
  return types;
}

}  // namespace entrepot::registry
