// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/status/reports_json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

namespace entrepot::app {
namespace {

using Json = nlohmann::ordered_json;
using upstream::EndpointReport;
using upstream::Reports;
using upstream::UpstreamReport;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_of(const std::optional<upstream::FailureReport>& failure) {
  if (!failure) return nullptr;
  return {{"reason", metrics::to_string(failure->reason)},
          {"text", failure->text},
          {"since_seconds", failure->since.count()},
          {"seconds_ago", failure->ago.count()},
          {"over", failure->over}};
}

Json json_of(const EndpointReport& report) {
  Json waits = Json::object();
  for (const auto& [user, wait] : report.waits) waits[user] = wait.count();
  Json denied = Json::object();
  for (const auto& [user, span] : report.refused) denied[user] = span.count();
  return {{"endpoint", report.endpoint},
          {"region", report.region},
          {"state", metrics::to_string(state_of(report))},
          {"connect_seconds", or_null(report.connect)},
          {"first_byte_seconds", or_null(report.first_byte)},
          {"first_byte_p95_seconds", or_null(report.late_first_byte)},
          {"bytes_per_second", or_null(report.rate)},
          {"failure_rate", report.failure_rate},
          {"measured_seconds_ago", or_null(report.rate_ago)},
          {"answered_seconds_ago", or_null(report.answered_ago)},
          {"bodies", report.bodies},
          {"accounts", report.accounts},
          {"ratelimit_remaining", report.remaining ? Json(report.remaining->count) : Json(nullptr)},
          {"limited_seconds", report.limited.count()},
          {"waits", std::move(waits)},
          {"denied_seconds", std::move(denied)},
          {"last_error", json_of(report.last_failure)}};
}

}  // namespace

EndpointState state_of(const EndpointReport& report) {
  // The limit may be that of the anonymous user, who stands in for the refused accounts.
  if (report.limited.count() > 0 && !report.denied()) return EndpointState::rate_limited;
  if (report.down || report.unasked) return EndpointState::down;
  if (report.denied()) return EndpointState::denied;
  return report.suspect ? EndpointState::suspect : EndpointState::working;
}

nlohmann::ordered_json reports_as_json(const Reports& reports) {
  Json all = Json::array();
  for (const UpstreamReport& report : reports) {
    Json endpoints = Json::array();
    for (const EndpointReport& endpoint : report.endpoints) endpoints.push_back(json_of(endpoint));
    all.push_back({{"name", report.name},
                   {"proxy", report.proxy.empty() ? Json(nullptr) : Json(report.proxy)},
                   {"transfers", report.transfers},
                   {"queued", report.queued},
                   {"oldest_transfer_seconds", report.oldest},
                   {"endpoints", std::move(endpoints)}});
  }
  return all;
}

std::string reports_json(const Reports& reports) {
  const Json json = {{"upstreams", reports_as_json(reports)}};
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace entrepot::app
