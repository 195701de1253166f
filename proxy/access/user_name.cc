// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/user_name.h"

#include <algorithm>

namespace entrepot::access {
namespace {

std::optional<std::string> fault_of_name(std::string_view name, std::size_t longest) {
  if (name.empty()) return "the name is empty";
  if (name.size() > longest) return "the name is longer than " + std::to_string(longest) + " bytes";
  const auto control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (std::any_of(name.begin(), name.end(), control)) return "the name has a control character";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> fault_of_user_name(std::string_view name) {
  if (name.find(':') != name.npos) return "the name has a colon, which ends a name in Basic logins";
  return fault_of_name(name, longest_user_name);
}

std::optional<std::string> fault_of_login_name(std::string_view name) {
  return fault_of_name(name, longest_login_name);
}

}  // namespace entrepot::access
