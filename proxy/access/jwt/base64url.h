// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace entrepot::access {

/// Decodes base64url without padding (RFC 7515 §2); the empty text is the empty text. nullopt for
/// another character, a length that no bytes have, and unused bits that are not zero, so that bytes
/// have one text only. Pure; any thread.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace entrepot::access
