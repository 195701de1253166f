// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/via.h"

#include <algorithm>

#include "proxy/base/text.h"

namespace entrepot::registry {
namespace {

/// `[ protocol-name "/" ] protocol-version RWS received-by [ RWS comment ]`
std::string_view received_by(std::string_view entry) {
  const std::size_t space = entry.find_first_of(" \t");
  if (space == std::string_view::npos) return {};
  entry = trim(entry.substr(space));
  return entry.substr(0, entry.find_first_of(" \t"));
}

std::string_view received_protocol(std::string_view entry) {
  return entry.substr(0, entry.find_first_of(" \t"));
}

/// Removes and returns the next entry of the list. Ignores quotes: a comma within a comment splits
/// it into entries without a valid name.
std::string_view next_entry(std::string_view& via) {
  const std::size_t comma = std::min(via.find(','), via.size());
  const std::string_view entry = trim(via.substr(0, comma));
  via.remove_prefix(std::min(comma + 1, via.size()));
  return entry;
}

/// True for a token, extended by the separators within a protocol or within a host and port.
bool is_name(std::string_view text, std::string_view separators) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_token_char(c) || separators.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string via_of(const http::Request& request, const RequestFields& fields) {
  std::string via;
  if (!fields.via) return via;
  for_each_value(request, "via", fields.via, [&](std::string_view value) {
    if (!via.empty()) via += ", ";
    via += value;
    return true;
  });
  return via;
}

bool has_passed_mirror(std::string_view via) {
  while (!via.empty())
    if (received_by(next_entry(via)).starts_with(mirror_prefix)) return true;
  return false;
}

bool is_loop(std::string_view via, std::string_view self) {
  int mirrors = 0;
  if (via.size() > max_via_size) return true;
  while (!via.empty()) {
    const std::string_view entry = next_entry(via);
    if (entry.empty()) continue;
    if (++mirrors > max_mirrors || received_by(entry) == self) return true;
  }
  return false;
}

std::string forwarded_via(std::string_view via) {
  std::string passed;
  while (!via.empty()) {
    const std::string_view entry = next_entry(via);
    const std::string_view protocol = received_protocol(entry);
    const std::string_view name = received_by(entry);
    if (!is_name(protocol, "/") || !is_name(name, ":[]")) continue;
    if (!passed.empty()) passed += ", ";
    passed.append(protocol).append(" ").append(name);
  }
  return passed;
}

}  // namespace entrepot::registry
