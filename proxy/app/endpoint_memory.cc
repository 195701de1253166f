// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/endpoint_memory.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "metrics/log.h"
#include "proxy/app/status/reports_json.h"

namespace entrepot::app {
namespace {

using Json = nlohmann::ordered_json;
using upstream::EndpointReport;
using upstream::Reports;
using upstream::UpstreamReport;

constexpr std::chrono::hours longest_kept{24};
constexpr std::chrono::minutes save_interval{5};
constexpr const char* saved_at = "saved_at";
// Larger numbers in the file are ignored. Seconds, and bytes per second.
constexpr double longest_wait = 600;
constexpr double longest_ago = 24 * 3600;
constexpr double highest_rate = 1e12;
constexpr double last_time = 1e11;

/// A number from 0 to `most`; null for anything else that a damaged file may hold.
std::optional<double> number(const Json& json, double most) {
  if (!json.is_number()) return std::nullopt;
  const double value = json.get<double>();
  return value >= 0 && value <= most ? std::optional(value) : std::nullopt;
}

std::optional<double> number_at(const Json& json, const char* key, double most) {
  const auto found = json.find(key);
  return found == json.end() ? std::nullopt : number(*found, most);
}

/// A time span in the file plus `age`.
std::optional<double> aged(const Json& json, const char* key, std::chrono::seconds age) {
  const auto then = number_at(json, key, longest_ago);
  return then ? std::optional(*then + static_cast<double>(age.count())) : std::nullopt;
}

EndpointReport endpoint_of(const Json& json, std::chrono::seconds age) {
  EndpointReport report;
  report.endpoint = json.at("endpoint").get<std::string>();
  report.connect = number_at(json, "connect_seconds", longest_wait);
  report.first_byte = number_at(json, "first_byte_seconds", longest_wait);
  report.rate = number_at(json, "bytes_per_second", highest_rate);
  report.rate_ago = aged(json, "measured_seconds_ago", age);
  report.answered_ago = aged(json, "answered_seconds_ago", age);
  for (const auto& [user, wait] : json.at("waits").items()) {
    const auto left = number(wait, longest_ago).value_or(0) - static_cast<double>(age.count());
    if (left > 0) report.waits[user] = std::chrono::seconds(static_cast<std::int64_t>(left));
  }
  return report;
}

Reports reports_of(const Json& json, std::chrono::seconds age) {
  Reports reports;
  for (const Json& one : json.at("upstreams")) {
    UpstreamReport& report = reports.emplace_back();
    report.name = one.at("name").get<std::string>();
    for (const Json& endpoint : one.at("endpoints"))
      report.endpoints.push_back(endpoint_of(endpoint, age));
  }
  return reports;
}

bool heard_later(const EndpointReport& a, const EndpointReport& b) {
  return a.answered_ago && (!b.answered_ago || *a.answered_ago < *b.answered_ago);
}

const std::optional<upstream::FailureReport>& later(
    const std::optional<upstream::FailureReport>& a,
    const std::optional<upstream::FailureReport>& b) {
  return !a || (b && b->ago < a->ago) ? b : a;
}

void merge(EndpointReport& mine, const EndpointReport& other) {
  const int bodies = mine.bodies + other.bodies;
  const auto limited = std::max(mine.limited, other.limited);
  auto waits = mine.waits;
  for (const auto& [user, wait] : other.waits) waits[user] = std::max(waits[user], wait);
  auto refused = mine.refused;
  for (const auto& [user, span] : other.refused) refused[user] = std::max(refused[user], span);
  const auto refused_accounts = std::max(mine.refused_accounts, other.refused_accounts);
  auto failure = later(mine.last_failure, other.last_failure);
  if (heard_later(other, mine)) mine = other;
  mine.bodies = bodies;
  mine.limited = limited;
  mine.waits = std::move(waits);
  mine.refused = std::move(refused);
  mine.refused_accounts = refused_accounts;
  mine.last_failure = std::move(failure);
}

void merge(UpstreamReport& into, const UpstreamReport& other) {
  into.transfers += other.transfers;
  into.queued += other.queued;
  into.oldest = std::max(into.oldest, other.oldest);
  for (auto& mine : into.endpoints)
    for (const auto& endpoint : other.endpoints)
      if (endpoint.endpoint == mine.endpoint) merge(mine, endpoint);
}

}  // namespace

Reports merged(const std::vector<Reports>& by_loop) {
  if (by_loop.empty()) return {};
  Reports all = by_loop.front();
  // A loop may have, or have lost, an upstream or an endpoint before the others: those of the first
  // loop count.
  for (std::size_t loop = 1; loop < by_loop.size(); ++loop)
    for (auto& mine : all)
      for (const auto& upstream : by_loop[loop])
        if (upstream.name == mine.name) merge(mine, upstream);
  return all;
}

void save_reports(const std::filesystem::path& file, const Reports& reports, cache::WallTime now) {
  Json json = {{"upstreams", reports_as_json(reports)}};
  json[saved_at] = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  auto part = file;
  part += ".new";
  std::ofstream out(part);
  out << json.dump(-1, ' ', true, Json::error_handler_t::replace) << "\n";
  out.close();
  std::error_code error;
  if (out) {
    std::filesystem::rename(part, file, error);
    if (!error) return;
  }
  log::warn(
      "the measurements of endpoints cannot be written to {}; the next process starts without them",
      file.string());
  std::filesystem::remove(part, error);
}

Reports load_reports(const std::filesystem::path& file, cache::WallTime now) {
  std::ifstream in(file);
  if (!in) return {};
  try {
    const Json json = Json::parse(in);
    const auto then = number_at(json, saved_at, last_time);
    if (!then) return {};
    const cache::WallTime saved{std::chrono::seconds(static_cast<std::int64_t>(*then))};
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - saved);
    if (age.count() < 0 || age > longest_kept) return {};
    return reports_of(json, age);
  } catch (const Json::exception& error) {
    log::warn("{} cannot be read ({}); the measurements of endpoints start from zero",
              file.string(), error.what());
    return {};
  }
}

EndpointMemory::EndpointMemory(std::filesystem::path file, const cache::Clock& clock,
                               loop::Loop& home, cache::JobQueue& pool, Collect collect)
    : file_(std::move(file)),
      clock_(clock),
      home_(home),
      pool_(pool),
      collect_(std::move(collect)) {}

Reports EndpointMemory::load() const { return load_reports(file_, clock_.wall()); }

void EndpointMemory::start() {
  home_.assert_in_loop();
  timer_ = home_.after(save_interval, [this] {
    pool_.post([this] {
      if (const auto reports = collect_()) save(*reports);
    });
    start();
  });
}

void EndpointMemory::stop() {
  home_.assert_in_loop();
  timer_.reset();
}

void EndpointMemory::save(const Reports& reports) const {
  save_reports(file_, reports, clock_.wall());
}

}  // namespace entrepot::app
