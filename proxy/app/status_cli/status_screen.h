// SPDX-License-Identifier: Apache-2.0
// Formats the answer of /api/v1/status for a terminal. Pure.
#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace entrepot::app {

/// Whether the process is well; nullopt for a document that is no answer of /api/v1/status.
std::optional<bool> is_well(const nlohmann::ordered_json& status);

/// At most a screen, but for many upstreams: well or not and why, upstreams, the last hour, disk,
/// what runs now. Missing members are left out, since the process may have another version. Nothing
/// in it acts on a terminal. REQUIRES: is_well() has a value.
void print_status(std::ostream& out, const nlohmann::ordered_json& status);

}  // namespace entrepot::app
