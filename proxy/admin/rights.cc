// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/rights.h"

#include <algorithm>

namespace entrepot::admin {

Right right_for(http::Method method, std::string_view path) {
  if (path == "/healthz" || path == "/readyz") return Right::probes;
  if (path == "/metrics") return Right::metrics;
  const bool reads = method == http::Method::get || method == http::Method::head;
  return reads ? Right::read : Right::change;
}

bool Rights::needs_name(Right right) const {
  return named_only_ && (right == Right::read || right == Right::change);
}

bool Rights::open_alone(Right right) const {
  const auto& list = holders(right);
  if (!list) return !needs_name(right);
  return std::any_of(list->begin(), list->end(),
                     [](const access::Who& who) { return who.text() == "anyone"; });
}

bool Rights::open(Right needed) const {
  return open_alone(needed) && (needed != Right::change || open_alone(Right::read));
}

bool Rights::holds(Right right, const access::Caller& caller) const {
  const auto& list = holders(right);
  if (!list) return !needs_name(right) || !caller.anonymous();
  return std::any_of(list->begin(), list->end(),
                     [&](const access::Who& who) { return who.matches(caller); });
}

std::optional<Right> Rights::lacking(Right needed, const access::Caller& caller) const {
  if (needed == Right::change && !holds(Right::read, caller)) return Right::read;
  if (!holds(needed, caller)) return needed;
  return std::nullopt;
}

}  // namespace entrepot::admin
