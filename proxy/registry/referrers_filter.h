// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace entrepot::registry {

/// The values of `artifactType` in a query, decoded, each once, at most 16; empty ones and broken
/// ones are left out, for a filter may be ignored (distribution-spec, "Listing Referrers"). Pure.
std::vector<std::string> parse_artifact_types(std::string_view query);

}  // namespace entrepot::registry
