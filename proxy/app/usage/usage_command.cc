// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/usage/usage_command.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/printable.h"
#include "proxy/app/cache_cli/admin_client.h"
#include "proxy/app/cache_cli/cache_tables.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/usage/usage_api.h"

namespace entrepot::app {
namespace {

using Json = nlohmann::ordered_json;
using UsageRow = std::array<std::string, 7>;

/// The process waits for its loops for five seconds.
constexpr std::chrono::seconds usage_patience{10};
constexpr int status_of_unknown_path = 404;

std::uint64_t number(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string word(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_string() ? printable(found->get<std::string>()) : "";
}

std::string age(std::uint64_t seconds) {
  constexpr std::uint64_t longest = 1'000'000'000;
  return human_age(static_cast<std::int64_t>(std::min(seconds, longest)) * 1000);
}

UsageRow row_of(const Json& one, std::string name, std::string last) {
  return {std::move(name),
          std::to_string(number(one, "requests")),
          std::to_string(number(one, "manifests")),
          human_size(number(one, "bytes")),
          human_size(number(one, "stored_bytes")),
          human_size(number(one, "other_bytes")),
          std::move(last)};
}

void print_usage_rows(std::ostream& out, const std::vector<UsageRow>& rows) {
  std::array<std::size_t, std::tuple_size_v<UsageRow>> widths{};
  for (const UsageRow& row : rows)
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const UsageRow& row : rows) {
    out << row[0] << std::string(widths[0] - row[0].size(), ' ');
    for (std::size_t i = 1; i < widths.size(); ++i)
      out << std::string(widths[i] - row[i].size() + 2, ' ') << row[i];
    out << "\n";
  }
}

std::string target_of_usage(const Command& command) {
  const auto by = command.usage_by == UsageOf::client ? "client" : "repository";
  return std::string(usage_path) + "?by=" + by + "&hours=" + std::to_string(command.usage_hours) +
         "&limit=" + std::to_string(command.usage_limit);
}

}  // namespace

void print_usage(std::ostream& out, const Json& answer) {
  const bool clients = word(answer, "by") == "client";
  std::vector<UsageRow> rows = {
      {clients ? "CLIENT" : "REPOSITORY", "REQUESTS", "PULLS", "SENT", "STORED", "OTHER", "LAST"}};
  const auto list = answer.find("usage");
  if (list != answer.end() && list->is_array())
    for (const auto& one : *list)
      rows.push_back(row_of(one, word(one, "name"), age(number(one, "last_seconds_ago")) + " ago"));
  const auto others = answer.find("others");
  if (others != answer.end() && number(*others, "requests") > 0)
    rows.push_back(row_of(*others, "(all others)", ""));
  if (rows.size() == 1)
    out << "no client has requested content in the last " << age(number(answer, "seconds")) << "\n";
  else
    print_usage_rows(out, rows);
}

int run_usage_command(const Command& command, const AdminTarget& target) {
  AdminClient client(target, usage_patience);
  admin::ApiAnswer answer;
  try {
    answer = client.ask("GET", target_of_usage(command));
  } catch (const std::runtime_error& error) {
    std::cerr << "entrepot: " << error.what()
              << " (a process keeps these figures in memory, so that a stopped one has none)\n";
    return exit_restart;
  }
  const auto json = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (answer.status != 200 || !json.is_object() || !json.contains("usage")) {
    std::cerr << "entrepot: the process on " << target.address << " does not tell its use: "
              << (answer.status == status_of_unknown_path
                      ? "its version does not count it, or this is a "
                        "listener for clients; give the one of admin.address"
                      : client.refusal(answer))
              << "\n";
    return exit_config;
  }
  if (command.json)
    std::cout << json.dump(2, ' ', true, Json::error_handler_t::replace) << "\n";
  else
    print_usage(std::cout, json);
  return exit_ok;
}

}  // namespace entrepot::app
