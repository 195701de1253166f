// SPDX-License-Identifier: Apache-2.0
// Lines of TOML files of other programs, as far as client-config has to know them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace entrepot::app {

/// Without white space at both ends.
std::string_view trimmed(std::string_view text);

/// The value of `key = "value"` or `key = 'value'`; empty without quotes.
std::string quoted_value(std::string_view line);

/// The value of the last such line with this key, in whatever table; nullopt if there is none.
std::optional<std::string> quoted_setting(std::string_view text, std::string_view key);

}  // namespace entrepot::app
