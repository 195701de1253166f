// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace entrepot::conf {

using Json = nlohmann::json;

/// What kind of value this is, for messages: "a text", "a number".
std::string_view kind_of(const Json& value);

/// A value for a message: on one line, printable, and cut when it is long.
std::string shown(const Json& value);

}  // namespace entrepot::conf
