// SPDX-License-Identifier: Apache-2.0
#include "conf/credentials.h"

#include <algorithm>
#include <string_view>

namespace entrepot::conf {
namespace {

/// Returns "host:port" or "host" of a validated URL without user and query.
std::string_view authority_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return url.substr(0, url.find('/'));
}

std::string_view without_port(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

}  // namespace

bool is_registry_itself(const Upstream& upstream, const Endpoint& endpoint) {
  const auto authority = authority_of(endpoint.url);
  const auto host = without_port(authority);
  const auto is_host_of_endpoint = [&](const std::string& name) {
    return name == host || name == authority;
  };
  return is_host_of_endpoint(upstream.name) || host.ends_with("." + upstream.name) ||
         std::any_of(upstream.aliases.begin(), upstream.aliases.end(), is_host_of_endpoint);
}

bool credentials_apply_to(const Upstream& upstream, const Endpoint& endpoint) {
  if (!endpoint.credentials.empty()) return false;
  return upstream.endpoints.size() == 1 || is_registry_itself(upstream, endpoint);
}

}  // namespace entrepot::conf
