// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace entrepot::conf {

using Json = nlohmann::json;

/// The type of a value for messages: "a text", "a number".
std::string_view kind_of(const Json& value);

/// A value for a message: on one line, printable, and truncated if it is long.
std::string shown(const Json& value);

/// The message of a parser about `text`: "line 3, column 5: not JSON: …".
std::string syntax_fault(std::string_view text, const Json::parse_error& error);

}  // namespace entrepot::conf
