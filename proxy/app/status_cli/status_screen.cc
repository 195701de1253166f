// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/status_cli/status_screen.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "metrics/printable.h"
#include "proxy/app/cache_cli/cache_tables.h"

namespace entrepot::app {
namespace {

using StatusJson = nlohmann::ordered_json;

// Values of members that may be missing or have another type: another version, or another program.

std::string word_in(const StatusJson& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? printable(found->get<std::string>()) : "";
}

std::uint64_t number_in(const StatusJson& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) return 0;
  const double value = found->get<double>();
  if (found->is_number_unsigned()) return found->get<std::uint64_t>();
  return value > 0 && value < 1e18 ? static_cast<std::uint64_t>(value) : 0;
}

std::string count_in(const StatusJson& json, const char* key) {
  return std::to_string(number_in(json, key));
}

std::string bytes_in(const StatusJson& json, const char* key) {
  return human_size(number_in(json, key));
}

std::string seconds_in(const StatusJson& json, const char* key) {
  constexpr std::uint64_t longest = 1'000'000'000'000;
  return human_age(static_cast<std::int64_t>(std::min(number_in(json, key), longest)) * 1000);
}

const StatusJson& part(const StatusJson& json, const char* key) {
  static const StatusJson none = StatusJson::object();
  const auto found = json.find(key);
  return found != json.end() && (found->is_object() || found->is_array()) ? *found : none;
}

std::string share(std::uint64_t some, std::uint64_t all) {
  return all == 0 ? "" : " (" + std::to_string(some * 100 / all) + " %)";
}

// The rows of the table of endpoints.

using Row = std::array<std::string, 4>;

std::string last_error(const StatusJson& endpoint) {
  const auto& error = part(endpoint, "last_error");
  if (error.empty()) return "-";
  const bool over = error.contains("over") && error["over"] == true;
  return word_in(error, "reason") + ": " + word_in(error, "text") +
         (over ? " (over; " + seconds_in(error, "seconds_ago") + " ago)"
               : " (for " + seconds_in(error, "since_seconds") + ", last " +
                     seconds_in(error, "seconds_ago") + " ago)");
}

std::vector<Row> endpoint_rows(const StatusJson& upstreams) {
  std::vector<Row> rows = {{"UPSTREAM", "ENDPOINT", "STATE", "LAST ERROR"}};
  for (const auto& upstream : upstreams)
    for (const auto& endpoint : part(upstream, "endpoints"))
      rows.push_back({word_in(upstream, "name"), word_in(endpoint, "endpoint"),
                      word_in(endpoint, "state"), last_error(endpoint)});
  return rows;
}

void print_rows(std::ostream& out, const std::vector<Row>& rows) {
  std::array<std::size_t, 3> widths{};
  for (const Row& row : rows)
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i)
      out << row[i] << std::string(widths[i] - row[i].size() + 2, ' ');
    out << row.back() << "\n";
  }
}

void print_problems(std::ostream& out, const StatusJson& problems) {
  for (const auto& problem : problems) {
    out << "  " << word_in(problem, "gravity") << ": " << word_in(problem, "what") << ": "
        << word_in(problem, "text");
    if (number_in(problem, "since_seconds") > 0)
      out << " (for " << seconds_in(problem, "since_seconds") << ")";
    out << "\n";
  }
}

/// The latest warnings and errors, the latest one first.
void print_log(std::ostream& out, const StatusJson& lines) {
  if (lines.empty()) return;
  out << "latest warnings and errors of the log:\n";
  for (const auto& line : lines) {
    out << "  " << seconds_in(line, "seconds_ago") << " ago  " << word_in(line, "level") << ": "
        << word_in(line, "text");
    if (number_in(line, "times") > 1) out << " (" << count_in(line, "times") << " times)";
    out << "\n";
  }
  out << "\n";
}

void print_hour(std::ostream& out, const StatusJson& hour) {
  const auto requests = number_in(hour, "requests"), hits = number_in(hour, "hits");
  // The process may be younger than an hour.
  const bool whole = number_in(hour, "seconds") >= 3600;
  out << (whole ? "last hour   " : "last " + seconds_in(hour, "seconds") + ":  ") << requests
      << " requests, " << hits << " hits" << share(hits, requests) << ", "
      << count_in(hour, "errors") << " errors; served " << bytes_in(hour, "served_bytes")
      << ", fetched " << bytes_in(hour, "fetched_bytes") << ", saved "
      << bytes_in(hour, "saved_bytes") << "\n";
}

void print_last_request(std::ostream& out, const StatusJson& request) {
  out << "clients     ";
  if (request.empty())
    out << "none has asked for content since the start\n";
  else
    out << "last request " << seconds_in(request, "seconds_ago") << " ago (engine "
        << word_in(request, "engine") << ", network " << word_in(request, "network") << ")\n";
}

void print_disk(std::ostream& out, const StatusJson& disk) {
  out << "disk        " << bytes_in(disk, "used_bytes") << " of " << bytes_in(disk, "max_bytes")
      << share(number_in(disk, "used_bytes"), number_in(disk, "max_bytes")) << "; "
      << bytes_in(disk, "free_bytes") << " free, of which " << bytes_in(disk, "reserve_bytes")
      << " are kept free\n";
}

void print_running(std::ostream& out, const StatusJson& running) {
  out << "running     " << count_in(running, "connections") << " connections, "
      << count_in(running, "flights") << " flights, " << count_in(running, "transfers")
      << " requests upstream";
  if (number_in(running, "transfers") > 0)
    out << " (the oldest for " << seconds_in(running, "oldest_transfer_seconds") << ")";
  out << ", " << count_in(running, "queued") << " queued\n";
}

std::string listeners_text(const StatusJson& status) {
  std::string text;
  for (const auto& address : part(status, "listeners"))
    if (address.is_string())
      text += (text.empty() ? "" : ", ") + printable(address.get<std::string>());
  return text;
}

}  // namespace

std::optional<bool> is_well(const nlohmann::ordered_json& status) {
  if (!status.is_object() || !status.contains("well") || !status["well"].is_boolean())
    return std::nullopt;
  return status["well"].get<bool>();
}

void print_status(std::ostream& out, const nlohmann::ordered_json& status) {
  const auto& problems = part(status, "problems");
  out << (is_well(status).value_or(false) ? "well" : "not well")
      << (problems.empty() ? "\n" : ":\n");
  print_problems(out, problems);
  out << "\n";
  print_rows(out, endpoint_rows(part(status, "upstreams")));
  out << "\n";
  print_log(out, part(status, "log"));
  print_hour(out, part(status, "last_hour"));
  print_last_request(out, part(status, "last_request"));
  if (const auto denials = number_in(status, "denials"); denials > 0)
    out << "denied      " << count_in(status, "denials")
        << (denials == 1 ? " pattern" : " patterns")
        << " of repositories (entrepot deny lists them)\n";
  print_disk(out, part(status, "disk"));
  print_running(out, part(status, "running"));
  out << "listening   on " << listeners_text(status) << "; admin on " << word_in(status, "admin")
      << "\nversion     " << word_in(status, "version") << " (" << word_in(status, "commit")
      << "), up for " << seconds_in(status, "uptime_seconds") << "\n";
}

}  // namespace entrepot::app
