// SPDX-License-Identifier: Apache-2.0
#include "conf/json/json.h"

#include <algorithm>

namespace entrepot::conf {
namespace {

/// Removes the prefix of "[json.exception.parse_error.101] parse error at line 3, column 5:
/// <message>".
std::string parser_message(std::string_view text) {
  const auto colon = text.find(": ");
  return std::string(colon == std::string_view::npos ? text : text.substr(colon + 2));
}

}  // namespace

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

std::string syntax_fault(std::string_view text, const Json::parse_error& error) {
  // `byte` counts the bytes read, including the offending one; at the end of the text it is one
  // larger.
  const auto before = text.substr(0, std::min(text.size(), error.byte > 0 ? error.byte - 1 : 0));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto line_start = before.rfind('\n');
  const auto column =
      before.size() - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column) +
         ": not JSON: " + parser_message(error.what());
}

}  // namespace entrepot::conf
