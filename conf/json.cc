// SPDX-License-Identifier: Apache-2.0
#include "conf/json.h"

namespace entrepot::conf {

std::string_view kind_of(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_string()) return "a text";
  if (value.is_boolean()) return "true or false";
  if (value.is_number()) return "a number";
  if (value.is_array()) return "a list";
  return "an object";
}

std::string shown(const Json& value) {
  constexpr std::size_t longest = 80;
  if (value.is_structured()) return std::string(kind_of(value));
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > longest) text = text.substr(0, longest) + "…";
  return text;
}

}  // namespace entrepot::conf
