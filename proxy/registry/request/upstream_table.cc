// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/upstream_table.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "proxy/base/text.h"

namespace entrepot::registry {
namespace {

constexpr std::size_t max_host = 255;

}  // namespace

UpstreamTable::UpstreamTable(const Options& options, const metrics::Metrics& metrics) {
  for (const UpstreamOptions& configured : options.upstreams) {
    const auto upstream = std::make_shared<const Upstream>(
        Upstream{configured.name, configured.docker_hub, configured.restricted,
                 metrics.upstream(configured.name), configured.in_use,
                 std::hash<std::string>()(configured.name)});
    std::vector<std::string> names = configured.aliases;
    names.push_back(configured.name);
    for (const std::string& name : names) {
      const auto [entry, added] = by_name_.try_emplace(lower_case(name), upstream);
      if (!added && entry->second != upstream)
        throw std::invalid_argument("upstreams: \"" + name + "\" names both " +
                                    entry->second->name + " and " + upstream->name);
    }
  }
  if (options.default_upstream.empty()) return;
  default_ = find_host(options.default_upstream);
  if (default_ == nullptr)
    throw std::invalid_argument("default_upstream: \"" + options.default_upstream +
                                "\" is not one of the upstreams");
}

const UpstreamPtr& UpstreamTable::find(std::string_view name) const {
  const auto entry = by_name_.find(name);
  return entry == by_name_.end() ? none_ : entry->second;
}

const UpstreamPtr& UpstreamTable::find_host(std::string_view host) const {
  if (const UpstreamPtr& upstream = find(host)) return upstream;
  const std::string lowered = lower_case(host);
  if (const UpstreamPtr& upstream = find(lowered)) return upstream;
  for (const std::string_view port : {":443", ":80"}) {
    if (lowered.ends_with(port))
      return find(std::string_view(lowered).substr(0, lowered.size() - port.size()));
  }
  return none_;
}

bool looks_like_host(std::string_view text) {
  return !text.empty() && text.size() <= max_host &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' ||
                  c == ']';
         });
}

}  // namespace entrepot::registry
