// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/usage/usage_api.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <utility>

#include "proxy/registry/request/query.h"

namespace entrepot::app {
namespace {

using Json = nlohmann::ordered_json;
using registry::UsageBy;
using registry::UsageCounts;

constexpr std::size_t longest_page = 1000;

/// In ASCII, so that nothing foreign in it acts on a terminal.
admin::ApiAnswer answer(const Json& json, int status = 200) {
  return {status, json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n"};
}

/// A number from 1 to `most`; `usual` without the parameter, nullopt for anything else.
std::optional<std::size_t> number(std::string_view query, std::string_view name, std::size_t most,
                                  std::size_t usual) {
  const auto [text, count] = registry::find_parameter(query, name);
  if (count == 0) return usual;
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0 || value > most ||
      count > 1)
    return std::nullopt;
  return value;
}

std::optional<UsageBy> by_of(std::string_view query) {
  const auto [word, count] = registry::find_parameter(query, "by");
  for (const auto by : {UsageBy::client, UsageBy::repository})
    if (count == 1 && metrics::to_string(by) == word) return by;
  return std::nullopt;
}

Json json_of(const UsageCounts& counts) {
  return {{"requests", counts.requests},
          {"manifests", counts.manifests},
          {"bytes", counts.bytes},
          {"stored_bytes", counts.stored},
          {"other_bytes", counts.bytes - counts.stored}};
}

}  // namespace

std::variant<UsageQuery, admin::ApiAnswer> parse_usage_query(std::string_view query) {
  const auto refuse = [](const char* why) { return answer({{"error", why}}, 400); };
  const auto by = by_of(query);
  if (!by) return refuse("by: expected client or repository");
  const auto hours = number(query, "hours", registry::HourRing::length, registry::HourRing::length);
  if (!hours) return refuse("hours: expected a number from 1 to 24");
  const auto limit = number(query, "limit", longest_page, UsageQuery().limit);
  if (!limit) return refuse("limit: expected a number from 1 to 1000");
  return UsageQuery{*by, static_cast<std::int64_t>(*hours), *limit};
}

admin::ApiAnswer usage_answer(registry::Usage::Report report, const UsageQuery& query) {
  auto [rows, others] = std::move(report.page);
  std::ranges::sort(rows, [](const auto& a, const auto& b) {
    return std::tuple(b.counts.bytes, b.counts.requests, std::string_view(a.name)) <
           std::tuple(a.counts.bytes, a.counts.requests, std::string_view(b.name));
  });
  Json list = Json::array();
  for (const auto& row : rows) {
    if (list.size() == query.limit) {
      others += row.counts;
      continue;
    }
    Json json = {{"name", row.name}};
    json.update(json_of(row.counts));
    json["last_seconds_ago"] =
        // A request may have ended since the report was asked for.
        std::max(std::chrono::duration_cast<std::chrono::seconds>(report.made - row.last),
                 std::chrono::seconds(0))
            .count();
    list.push_back(std::move(json));
  }
  return answer({{"by", metrics::to_string(query.by)},
                 {"seconds", report.span.count()},
                 {"usage", std::move(list)},
                 {"others", json_of(others)}});
}

}  // namespace entrepot::app
