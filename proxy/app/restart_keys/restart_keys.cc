// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/restart_keys/restart_keys.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "metrics/printable.h"
#include "proxy/app/listeners/listener_plan.h"

namespace entrepot::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 10> restart_rows = {
    "admin",         "admin.address", "admin.mode",    "admin.tls",  "cache.directory",
    "threads.serve", "threads.fetch", "threads.store", "log.format", "log.access_file"};

std::string member_text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

bool needs_restart(std::string_view row) {
  return std::find(restart_rows.begin(), restart_rows.end(), row) != restart_rows.end();
}

conf::Config until_restart(const conf::Config& now, conf::Config next) {
  next.admin = admin_until_restart(now.admin, next.admin);
  next.cache.directory = now.cache.directory;
  next.threads = now.threads;
  next.log.json = now.log.json;
  next.log.access_file = now.log.access_file;
  return next;
}

std::vector<conf::KeyValue> restart_keys(const conf::Config& config) {
  auto keys = conf::key_values(config);
  std::erase_if(keys, [](const conf::KeyValue& one) { return !needs_restart(one.row); });
  return keys;
}

std::vector<conf::Difference> restart_differences(const std::vector<conf::KeyValue>& running,
                                                  const std::vector<conf::KeyValue>& next) {
  auto found = conf::differences(running, next);
  const bool admin = std::any_of(found.begin(), found.end(),
                                 [](const conf::Difference& one) { return one.key == "admin"; });
  if (admin)
    std::erase_if(found, [](const conf::Difference& one) { return one.key.starts_with("admin."); });
  return found;
}

std::string restart_state_json(const RestartState& state) {
  Json list = Json::array();
  for (const auto& one : state.keys) list.push_back({{"key", one.key}, {"value", one.value}});
  const Json answer = {{"keys", std::move(list)}, {"stale_files", state.stale_files}};
  return answer.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<RestartState> parse_restart_state(std::string_view json) {
  const auto answer = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object() || !answer.contains("keys") || !answer["keys"].is_array())
    return std::nullopt;
  RestartState state;
  for (const auto& entry : answer["keys"]) {
    if (!entry.is_object() || member_text(entry, "key").empty()) return std::nullopt;
    state.keys.push_back({.key = member_text(entry, "key"),
                          .row = {},
                          .value = member_text(entry, "value"),
                          .list = {}});
  }
  const auto files = answer.find("stale_files");
  if (files == answer.end() || !files->is_array()) return state;
  for (const auto& file : *files)
    if (file.is_string()) state.stale_files.push_back(file.get<std::string>());
  return state;
}

std::string text_of_stale(const std::string& file) {
  return printable(file) +
         " has changed, and the service may not read it: systemd hands over a copy at the start";
}

}  // namespace entrepot::app
