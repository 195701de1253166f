// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/via.h"

#include <algorithm>

#include "proxy/registry/ascii.h"

namespace entrepot::registry {
namespace {

/// `[ protocol-name "/" ] protocol-version RWS received-by [ RWS comment ]`
std::string_view received_by(std::string_view entry) {
  const std::size_t space = entry.find_first_of(" \t");
  if (space == std::string_view::npos) return {};
  entry = trim(entry.substr(space));
  return entry.substr(0, entry.find_first_of(" \t"));
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

bool comes_back(std::string_view via, std::string_view self) {
  int mirrors = 0;
  if (via.size() > longest_via) return true;
  while (!via.empty()) {
    // Quotes mean nothing here, and a comma within a comment ends nobody's name.
    const std::size_t comma = std::min(via.find(','), via.size());
    const std::string_view entry = trim(via.substr(0, comma));
    via.remove_prefix(std::min(comma + 1, via.size()));
    if (entry.empty()) continue;
    if (++mirrors > most_mirrors || received_by(entry) == self) return true;
  }
  return false;
}

}  // namespace entrepot::registry
