// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>

namespace entrepot::upstream {

/// The target of the first link with rel=next among the Link values of one answer (RFC 8288 §3), as
/// written: the caller resolves it and checks its origin. nullopt when there is none or it does not
/// parse. Pure; any thread.
std::optional<std::string> next_link(std::span<const std::string> values);

}  // namespace entrepot::upstream
