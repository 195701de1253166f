// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/redirect_trail.h"

#include <utility>

namespace entrepot::upstream {

std::optional<std::string> RedirectTrail::follow(std::string_view location) {
  if (++redirects_ > rules_.redirects)
    return "it redirects more than " + std::to_string(rules_.redirects) +
           " times; check the endpoint's url";
  auto next = location.empty() ? std::nullopt : url_.resolve(location);
  if (!next) return "it redirects without a Location that can be used";
  if (!next->https() && (url_.https() || !rules_.plain_http))
    return "it redirects to plain http at " + next->shown() + ", which is not followed";
  url_ = std::move(*next);
  return std::nullopt;
}

bool RedirectTrail::restart() {
  if (++returns_ > rules_.returns) return false;
  url_ = start_;
  redirects_ = 0;
  return true;
}

}  // namespace entrepot::upstream
