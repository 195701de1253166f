// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/route.h"

namespace entrepot::registry {
namespace {

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

/// `rest`: the path after "/v2/".
Route parse_rest(std::string_view rest) {
  Route route;
  if (rest.empty()) {
    route.resource = Resource::ping;
    return route;
  }
  if (rest == "_catalog") {
    route.resource = Resource::catalog;
    return route;
  }
  route.name = rest;
  if (take_suffix(route.name, "/tags/list")) {
    route.resource = Resource::tags;
    return route;
  }
  const std::size_t slash = rest.rfind('/');
  if (slash == std::string_view::npos) return {};
  route.reference = rest.substr(slash + 1);
  route.name = rest.substr(0, slash);
  if (take_suffix(route.name, "/manifests"))
    route.resource = Resource::manifest;
  else if (take_suffix(route.name, "/blobs/uploads"))
    route.resource = Resource::upload;
  else if (take_suffix(route.name, "/blobs"))
    route.resource = Resource::blob;
  else if (take_suffix(route.name, "/referrers"))
    route.resource = Resource::referrers;
  else
    return {};
  return route;
}

}  // namespace

Route parse_route(std::string_view path) {
  std::string_view prefix;
  if (!path.starts_with("/v2/") && path != "/v2") {
    const std::size_t slash = path.find('/', 1);
    if (slash == std::string_view::npos || slash == 1) return {};
    prefix = path.substr(1, slash - 1);
    path.remove_prefix(slash);
    if (!path.starts_with("/v2/") && path != "/v2") return {};
  }
  path.remove_prefix(path.size() > 3 ? 4 : 3);
  Route route = parse_rest(path);
  route.prefix = prefix;
  return route;
}

}  // namespace entrepot::registry
