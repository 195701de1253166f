// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/claims.h"

#include <algorithm>
#include <utility>

namespace entrepot::access {
namespace {

/// Sizes of a node of the map and of a string, without their texts.
constexpr std::size_t node_overhead = 96, value_overhead = 32;

/// True if each tilde is followed by 0 or 1 (RFC 6901 §3).
bool well_formed(std::string_view pointer) {
  for (std::size_t at = pointer.find('~'); at != pointer.npos; at = pointer.find('~', at + 1))
    if (at + 1 == pointer.size() || (pointer[at + 1] != '0' && pointer[at + 1] != '1'))
      return false;
  return true;
}

bool names_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

}  // namespace

std::variant<ClaimName, Fault> ClaimName::parse(std::string_view text) {
  if (text.empty() || text == "/")
    return Fault{
        "names no claim; write a name such as azp, or a path such as "
        "/kubernetes.io/namespace"};
  if (text.size() > longest)
    return Fault{"the name of a claim is longer than " + std::to_string(longest) + " bytes"};
  if (names_control_character(text)) return Fault{quoted(text) + " has a control character"};
  if (text.front() != '/') return ClaimName(path("", text));
  if (!well_formed(text))
    return Fault{quoted(text) +
                 " has a tilde without 0 or 1; in a path ~0 is a tilde and ~1 a "
                 "slash within a name"};
  return ClaimName(std::string(text));
}

std::string ClaimName::path(std::string_view parent, std::string_view name) {
  std::string path(parent);
  path += '/';
  for (const char c : name) {
    if (c == '~')
      path += "~0";
    else if (c == '/')
      path += "~1";
    else
      path += c;
  }
  return path;
}

void Claims::add(const std::string& pointer, std::string value) {
  auto [place, is_new] = values_.try_emplace(pointer);
  if (is_new) bytes_ += node_overhead + pointer.size();
  bytes_ += value_overhead + value.size();
  place->second.push_back(std::move(value));
}

const std::vector<std::string>* Claims::find(std::string_view pointer) const {
  const auto found = values_.find(pointer);
  return found == values_.end() ? nullptr : &found->second;
}

bool Claims::match(std::string_view pointer, const Glob& glob) const {
  const auto* values = find(pointer);
  return values != nullptr &&
         std::any_of(values->begin(), values->end(),
                     [&](const std::string& value) { return glob.matches(value); });
}

}  // namespace entrepot::access
