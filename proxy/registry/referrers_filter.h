// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace entrepot::registry {

/// The values of `artifactType` in a query, decoded; empty ones and broken ones are left out, for a
/// filter may be ignored (distribution-spec, "Listing Referrers").
std::vector<std::string> parse_artifact_types(std::string_view query);

/// The OCI image index `index` with only those descriptors whose artifactType is one of `types`.
/// nullopt when it is no such document, or nested more deeply than 32. Pure.
std::optional<std::string> filter_referrers(std::string_view index,
                                            const std::vector<std::string>& types);

}  // namespace entrepot::registry
