// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/endpoint_address.h"

#include <utility>

#include "metrics/check.h"

namespace entrepot::upstream {

EndpointAddress::EndpointAddress(const UpstreamOptions& upstream, const EndpointOptions& options,
                                 Url url, std::string id)
    : upstream_(upstream),
      url_(std::move(url)),
      label_(url_.label()),
      ns_(options.ns),
      id_(std::move(id)) {}

Url EndpointAddress::of(std::string_view path) const {
  auto url = url_.with_path(path);
  if (url && ns_) url = url->with_query("ns", upstream_.name);
  // The URLs of the configuration and the names of the grammar are far shorter than the limit.
  check(url.has_value(), "an endpoint's URL leaves no room for a path");
  return std::move(*url);
}

std::string EndpointAddress::via_line(const std::string& via) const {
  if (id_.empty() || !ns_) return {};
  return "Via: " + (via.empty() ? "" : via + ", ") + "1.1 " + id_;
}

}  // namespace entrepot::upstream
