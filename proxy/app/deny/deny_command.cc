// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/deny/deny_command.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cache/index/layout.h"
#include "metrics/printable.h"
#include "proxy/app/cache_cli/asked_cache.h"
#include "proxy/app/cache_cli/cache_tables.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/deny/deny_api.h"
#include "proxy/base/text.h"

namespace entrepot::app {
namespace {

using Json = nlohmann::ordered_json;
using DenialRow = std::array<std::string, 4>;

std::string age_of(const Json& denial) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return human_age(std::chrono::duration_cast<std::chrono::milliseconds>(now).count() -
                   denial.at("since_ms").get<std::int64_t>());
}

void print_denials(std::ostream& out, const Json& answer) {
  if (answer.at("unreadable").is_string())
    out << "not in force: " << printable(answer["unreadable"].get<std::string>()) << "\n";
  if (answer.at("denials").empty()) {
    out << "nothing is denied by command\n";
    return;
  }
  std::vector<DenialRow> rows = {{"PATTERN", "SINCE", "REASON", "BY"}};
  const auto word = [](const Json& denial, const char* key) {
    return printable(denial.at(key).get<std::string>());
  };
  for (const auto& denial : answer["denials"])
    rows.push_back({word(denial, "pattern"), age_of(denial),
                    denial.at("reason") == "" ? "-" : word(denial, "reason"), word(denial, "by")});
  std::array<std::size_t, 3> widths{};
  for (const DenialRow& row : rows)
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const DenialRow& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i)
      out << row[i] << std::string(widths[i] - row[i].size() + 2, ' ');
    out << row.back() << "\n";
  }
}

/// Answers for a stopped process. The lock of the cache is the one of the file.
AskedCache::Offline answer_from(const conf::Config& config, uid_t user) {
  const auto upstreams = denial_upstreams(config);
  const auto file = cache::Layout(config.cache.directory).denials();
  const auto by = "uid " + std::to_string(user);
  return [file, upstreams, by](cache::OfflineCache&, http::Method method, const std::string&,
                               const std::string& query) {
    DenialStore store(file, nullptr);
    return answer_deny_api(store, {method, query, by, upstreams});
  };
}

}  // namespace

int run_deny_command(const Command& command, const conf::Config& config, uid_t user) {
  const std::string path(deny_path);
  const bool lists = !command.deny_pattern;
  if (lists && (command.deny_remove || !command.deny_reason.empty())) {
    std::cerr << "entrepot: which pattern? entrepot deny [--remove] UPSTREAM/REPOSITORY\n";
    return exit_usage;
  }
  AskedCache cache(config, command.admin_access, answer_from(config, user));
  const auto show = [&](const auto& answer) {
    return print_answer(command, answer, print_denials);
  };
  if (lists) return show(cache.ask("GET", http::Method::get, path));
  auto query = "pattern=" + percent_encode(*command.deny_pattern, "/*");
  if (command.deny_remove) return show(cache.ask("DELETE", http::Method::del, path, query));
  if (!command.deny_reason.empty()) query += "&reason=" + percent_encode(command.deny_reason);
  return show(cache.ask("POST", http::Method::post, path, query));
}

}  // namespace entrepot::app
