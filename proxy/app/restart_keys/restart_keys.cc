// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/restart_keys/restart_keys.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "proxy/app/listeners/listener_plan.h"

namespace entrepot::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 12> restart_rows = {
    "admin",          "admin.address",         "admin.mode",      "admin.tls",
    "upstreams.NAME", "upstreams.NAME.access", "cache.directory", "threads.serve",
    "threads.fetch",  "threads.store",         "log.format",      "log.access_file"};

std::string member_text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const conf::Upstream* find(const std::vector<conf::Upstream>& upstreams, const std::string& name) {
  const auto found = std::find_if(upstreams.begin(), upstreams.end(),
                                  [&](const auto& upstream) { return upstream.name == name; });
  return found == upstreams.end() ? nullptr : &*found;
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
  std::vector<conf::Upstream> upstreams;
  for (const auto& upstream : now.upstreams) {
    const auto* const changed = find(next.upstreams, upstream.name);
    auto& kept = upstreams.emplace_back(changed != nullptr ? *changed : upstream);
    kept.restricted = upstream.restricted;
  }
  next.upstreams = std::move(upstreams);
  if (!next.default_upstream.empty() && find(next.upstreams, next.default_upstream) == nullptr)
    next.default_upstream = now.default_upstream;
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

std::string restart_keys_json(const std::vector<conf::KeyValue>& keys) {
  Json list = Json::array();
  for (const auto& one : keys) {
    Json entry = {{"key", one.key}, {"value", one.value}};
    if (!one.list.empty()) entry["list"] = one.list;
    list.push_back(std::move(entry));
  }
  return Json{{"keys", std::move(list)}}.dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

std::optional<std::vector<conf::KeyValue>> parse_restart_keys(std::string_view json) {
  const auto answer = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object() || !answer.contains("keys") || !answer["keys"].is_array())
    return std::nullopt;
  std::vector<conf::KeyValue> keys;
  for (const auto& entry : answer["keys"]) {
    if (!entry.is_object() || member_text(entry, "key").empty()) return std::nullopt;
    keys.push_back({.key = member_text(entry, "key"),
                    .row = {},
                    .value = member_text(entry, "value"),
                    .list = member_text(entry, "list")});
  }
  return keys;
}

}  // namespace entrepot::app
