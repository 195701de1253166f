// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/admin/cache_api.h"
#include "proxy/registry/usage/usage.h"

namespace entrepot::app {

inline constexpr std::string_view usage_path = "/api/v1/usage";

/// The parameters of a request.
struct UsageQuery {
  registry::UsageBy by = registry::UsageBy::client;
  std::int64_t hours = registry::HourRing::length;  ///< from 1
  std::size_t limit = 100;                          ///< from 1 to 1000
};

/// Parses `by`, `hours` and `limit`; otherwise the answer that refuses them. Pure.
std::variant<UsageQuery, admin::ApiAnswer> parse_usage_query(std::string_view query);

/// The answer of GET /api/v1/usage: the names with the most bytes, and the sums of all others.
/// Pure.
admin::ApiAnswer usage_answer(registry::Usage::Report report, const UsageQuery& query);

}  // namespace entrepot::app
