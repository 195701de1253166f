// SPDX-License-Identifier: Apache-2.0
#include "conf/credentials.h"

#include <algorithm>
#include <string_view>

namespace entrepot::conf {
namespace {

/// Of a URL that has passed its check: no user, no query.
std::string_view host_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  if (url.starts_with('[')) return url.substr(0, url.find(']') + 1);
  return url.substr(0, url.find_first_of(":/"));
}

}  // namespace

bool are_for(const Upstream& upstream, const Endpoint& endpoint) {
  if (!endpoint.credentials.empty()) return false;
  if (upstream.endpoints.size() == 1) return true;
  const auto host = host_of(endpoint.url);
  return host == upstream.name || host.ends_with("." + upstream.name) ||
         std::find(upstream.aliases.begin(), upstream.aliases.end(), host) !=
             upstream.aliases.end();
}

}  // namespace entrepot::conf
