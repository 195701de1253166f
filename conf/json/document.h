// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "conf/json/json.h"
#include "conf/json/problems.h"

namespace entrepot::conf {

/// Parses JSON with comments. Syntax errors name line and column. Duplicate keys in one object are
/// errors, because JSON does not define which of them applies (RFC 8259 §4). Returns nullopt after
/// an error.
std::optional<Json> parse_document(std::string_view text, Problems& problems);

/// The built-in configuration, as far as it differs from the defaults of conf/config.h: the
/// listeners and the upstreams.
Json builtin_document();

}  // namespace entrepot::conf
