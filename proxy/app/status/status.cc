// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/status/status.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "metrics/version.h"
#include "proxy/app/status/reports_json.h"
#include "proxy/upstream/endpoint/trouble.h"

namespace entrepot::app {
namespace {

using Json = nlohmann::ordered_json;
using upstream::EndpointReport;
using upstream::UpstreamReport;

std::string seconds_text(std::chrono::seconds span) { return std::to_string(span.count()) + " s"; }

/// The last failure as the cause of a present problem, and what to do.
std::string cause(const EndpointReport& endpoint) {
  const auto& failure = endpoint.last_failure;
  if (!failure || failure->over) return "";
  const auto remedy = upstream::remedy_of(failure->reason);
  return ": " + failure->text + (remedy.empty() ? "" : "; ") + std::string(remedy);
}

std::optional<std::chrono::seconds> since(const EndpointReport& endpoint) {
  const auto& failure = endpoint.last_failure;
  return failure && !failure->over ? std::optional(failure->since) : std::nullopt;
}

/// It answers, and clients get nothing of it.
bool answers_in_vain(const EndpointReport& endpoint) {
  const auto& failure = endpoint.last_failure;
  return failure && failure->lasting && !failure->over;
}

bool can_be_asked(const EndpointReport& endpoint) {
  const auto state = state_of(endpoint);
  return (state == EndpointState::working || state == EndpointState::suspect) &&
         !answers_in_vain(endpoint);
}

std::string refusal(const EndpointReport& endpoint, const std::string& how) {
  return how + "\"" + endpoint.refused.begin()->first + "\"" + cause(endpoint) +
         "; correct its username or its password_file, and send SIGHUP";
}

/// The problem of an endpoint without a look at the others; nullopt if it has none.
std::optional<std::string> trouble(const EndpointReport& endpoint) {
  switch (state_of(endpoint)) {
    case EndpointState::down:
      return "does not answer" + cause(endpoint);
    case EndpointState::rate_limited:
      return "limits the rate of requests (429), and is asked again in " +
             seconds_text(endpoint.limited) + "; " +
             std::string(upstream::remedy_of(metrics::EndpointFailure::rate_limited));
    case EndpointState::denied:
      if (!endpoint.refused.empty()) return refusal(endpoint, "refuses every account, as ");
      return "refuses everybody, or nothing shows whom" + cause(endpoint) +
             "; run `entrepot check --online`";
    case EndpointState::suspect:
      return "has sent wrong bytes lately" + cause(endpoint);
    case EndpointState::working:
      break;
  }
  if (!endpoint.refused.empty()) return refusal(endpoint, "refuses the account ");
  if (answers_in_vain(endpoint)) return "answers, but its answers fail" + cause(endpoint);
  if (!endpoint.remaining || !endpoint.remaining->few) return std::nullopt;
  return "grants only " + std::to_string(endpoint.remaining->count) +
         " more pulls, so tags are checked less often; " +
         std::string(upstream::remedy_of(metrics::EndpointFailure::rate_limited));
}

void add_upstream(const UpstreamReport& upstream, std::vector<Problem>& problems) {
  const bool served = std::any_of(upstream.endpoints.begin(), upstream.endpoints.end(),
                                  [](const auto& one) { return can_be_asked(one); });
  for (const auto& endpoint : upstream.endpoints) {
    const auto text = trouble(endpoint);
    if (!text) continue;
    // Another endpoint does not make the account of this one good.
    const bool grave =
        !served || state_of(endpoint) == EndpointState::denied || !endpoint.refused.empty();
    problems.push_back({grave ? Gravity::fault : Gravity::warning,
                        upstream.name + ": " + endpoint.endpoint, *text, since(endpoint)});
  }
}

void add_disk(const Status& status, std::vector<Problem>& problems) {
  const auto add = [&](Gravity gravity, std::string text) {
    problems.push_back({gravity, "cache", std::move(text)});
  };
  if (const auto errors = status.hour.counts.disk_errors; errors > 0)
    add(Gravity::fault, std::to_string(errors) +
                            " operations in its directory failed in the last hour; the log names "
                            "the files. Check the disk");
  if (const auto changed = status.hour.counts.changed; changed > 0)
    add(Gravity::warning, std::to_string(changed) +
                              " stored objects had changed bytes in the last hour, and were "
                              "removed; the log names them. Check the disk");
  if (const auto full = status.hour.counts.disk_full; full > 0)
    add(Gravity::warning, "its file system was full for " + std::to_string(full) +
                              " objects in the last hour, which were not stored: free space or "
                              "inodes on it, or lower cache.max_size");
  if (const auto& reason = status.cache.no_room)
    add(Gravity::fault, "nothing can be stored (" + std::string(metrics::to_string(*reason)) +
                            "): see cache.max_size and cache.reserve_free, and what else fills the "
                            "disk");
  else if (status.cache.free < status.cache.reserve)
    add(Gravity::warning,
        "less than cache.reserve_free is free, so that stored objects have to go");
  if (!status.cache.complete) add(Gravity::warning, "its index is still being loaded");
}

Json json_of(const HourFigures::Figures& hour) {
  const auto& counts = hour.counts;
  const auto saved = counts.served_bytes - std::min(counts.served_bytes, counts.fetched_bytes);
  return {{"seconds", hour.span.count()},
          {"requests", counts.requests},
          {"hits", counts.hits},
          {"errors", counts.errors},
          {"served_bytes", counts.served_bytes},
          {"fetched_bytes", counts.fetched_bytes},
          {"saved_bytes", saved},
          {"disk_errors", counts.disk_errors},
          {"digest_mismatches", counts.mismatches},
          {"changed_objects", counts.changed},
          {"disk_full_objects", counts.disk_full}};
}

Json json_of(const std::vector<Problem>& problems) {
  Json list = Json::array();
  for (const auto& problem : problems)
    list.push_back(
        {{"gravity", metrics::to_string(problem.gravity)},
         {"what", problem.what},
         {"text", problem.text},
         {"since_seconds", problem.since ? Json(problem.since->count()) : Json(nullptr)}});
  return list;
}

Json json_of(const std::optional<metrics::ClientMetrics::Latest>& request) {
  if (!request) return nullptr;
  return {{"seconds_ago", request->ago.count()},
          {"engine", metrics::to_string(request->engine)},
          {"network", metrics::to_string(request->network)}};
}

Json json_of(const std::vector<log::LatestLine>& lines) {
  const auto now = std::chrono::steady_clock::now();
  Json list = Json::array();
  for (const auto& line : lines)
    list.push_back(
        {{"level", line.error ? "error" : "warn"},
         {"text", line.text},
         {"times", line.times},
         {"seconds_ago", std::chrono::duration_cast<std::chrono::seconds>(now - line.at).count()}});
  return list;
}

Json running_json(const Status& status) {
  std::size_t transfers = 0, queued = 0;
  double oldest = 0;
  for (const auto& upstream : status.upstreams.value_or(upstream::Reports())) {
    transfers += upstream.transfers;
    queued += upstream.queued;
    oldest = std::max(oldest, upstream.oldest);
  }
  return {{"connections", status.connections},
          {"flights", status.flights},
          {"fills", status.cache.fills},
          {"transfers", transfers},
          {"queued", queued},
          {"oldest_transfer_seconds", oldest}};
}

}  // namespace

std::vector<Problem> problems_of(const Status& status) {
  std::vector<Problem> problems;
  if (!status.unready.empty())
    problems.push_back({Gravity::fault, "process", "takes no clients: " + status.unready});
  if (!status.refused_configuration.empty())
    problems.push_back(
        {Gravity::warning, "configuration",
         "the changed one is not used since SIGHUP, and the next start would fail: " +
             status.refused_configuration});
  if (!status.upstreams)
    problems.push_back(
        {Gravity::fault, "process", "its fetch loops do not answer: it is ending or overloaded"});
  else
    for (const auto& upstream : *status.upstreams) add_upstream(upstream, problems);
  add_disk(status, problems);
  if (!status.denials_unreadable.empty())
    problems.push_back(
        {Gravity::fault, "deny",
         "not all denials of `entrepot deny` are in force, deny again what has to be "
         "denied: " +
             status.denials_unreadable});
  if (const auto wrong = status.hour.counts.mismatches; wrong > 0)
    problems.push_back({Gravity::warning, "upstreams",
                        std::to_string(wrong) +
                            " bodies with another digest came in the last hour, and were not "
                            "served; the log names the endpoints"});
  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return a.gravity < b.gravity; });
  return problems;
}

std::string status_json(const Status& status) {
  const auto problems = problems_of(status);
  const bool well = problems.empty() || problems.front().gravity != Gravity::fault;
  const Json json = {{"well", well},
                     {"problems", json_of(problems)},
                     {"version", version()},
                     {"commit", commit()},
                     {"uptime_seconds", status.uptime.count()},
                     {"listeners", status.listeners},
                     {"admin", status.admin},
                     {"upstreams", reports_as_json(status.upstreams.value_or(upstream::Reports()))},
                     {"last_hour", json_of(status.hour)},
                     {"last_request", json_of(status.last_request)},
                     {"denials", status.denials},
                     {"disk",
                      {{"used_bytes", status.cache.used},
                       {"max_bytes", status.cache.max_size},
                       {"free_bytes", status.cache.free},
                       {"reserve_bytes", status.cache.reserve}}},
                     {"running", running_json(status)},
                     {"log", json_of(status.lines)}};
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace entrepot::app
