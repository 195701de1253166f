// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "conf/json.h"
#include "conf/problems.h"

namespace entrepot::conf {

/// Parses JSON with comments. Syntax errors name line and column; a key given twice in one object
/// is an error too, because which of the two counts is anyone's guess. nullopt after an error.
std::optional<Json> parse_document(std::string_view text, Problems& problems);

/// The built-in configuration, as far as it differs from the defaults of conf/config.h: where to
/// listen, and which upstreams.
Json builtin_document();

}  // namespace entrepot::conf
