// SPDX-License-Identifier: Apache-2.0
// The state of a running process for operators: `entrepot status` and /api/v1/status. Plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cache/upkeep/cache_admin.h"
#include "metrics/client_metrics.h"
#include "metrics/log.h"
#include "metrics/word_table.h"
#include "proxy/app/status/hour_figures.h"
#include "proxy/upstream/endpoint/report.h"

namespace entrepot::app {

/// All that a status is made from.
struct Status {
  std::string unready = {};  ///< why clients should not be sent here now; empty if they may be
  std::chrono::seconds uptime{0};
  std::string refused_configuration = {};   ///< why the changed one is not used; empty: it is
  std::vector<std::string> listeners = {};  ///< their addresses
  std::string admin = {};                   ///< the address of the admin listener
  std::size_t connections = 0;              ///< of clients
  std::optional<metrics::ClientMetrics::Latest> last_request = {};  ///< nullopt: none yet
  std::size_t denials = 0;                                          ///< patterns of `entrepot deny`
  std::string denials_unreadable =
      {};              ///< why not all of their file could be read; empty: it could
  double flights = 0;  ///< entrepot_flights
  HourFigures::Figures hour = {};
  cache::CacheAdmin::Stats cache = {};
  std::optional<upstream::Reports> upstreams = {};  ///< nullopt: the fetch loops do not answer
  std::vector<log::LatestLine> lines = {};          ///< of the log; the latest one first
};

enum class Gravity : std::uint8_t {
  fault,    ///< clients suffer from it, or will; the process is not well
  warning,  ///< clients are served, and an operator should look
};

struct Problem {
  Gravity gravity = Gravity::fault;
  std::string what;  ///< that has the problem: "docker.io: mirror.example"
  std::string text;  ///< the problem, and its cause
  /// How long it has lasted; nullopt: unknown.
  std::optional<std::chrono::seconds> since = std::nullopt;
};

/// The problems of the process, faults first; without a fault it is well. Pure.
std::vector<Problem> problems_of(const Status& status);

/// The answer of /api/v1/status, with a line break. Pure, but for the version of the program and
/// the time, from which the ages of the lines are counted.
std::string status_json(const Status& status);

}  // namespace entrepot::app

namespace entrepot::metrics {

template <>
inline constexpr auto words<app::Gravity> = make_words<app::Gravity>({
    {app::Gravity::fault, "fault"},
    {app::Gravity::warning, "warning"},
});

}  // namespace entrepot::metrics
