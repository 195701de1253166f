// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/cache_cli/cache_command.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "cache/upkeep/offline.h"
#include "metrics/printable.h"
#include "proxy/admin/cache_api.h"
#include "proxy/app/cache_cli/asked_cache.h"
#include "proxy/app/cache_cli/cache_tables.h"
#include "proxy/app/command/exit_codes.h"

namespace entrepot::app {
namespace {

using Json = nlohmann::ordered_json;

const std::string root = "/api/v1/cache";

/// All pages of a list: the elements of `key`. nullopt, after telling why, when it was refused.
std::optional<Json> whole_list(AskedCache& cache, const std::string& path, const std::string& query,
                               const char* key) {
  Json all = Json::array();
  std::string from;
  for (bool more = true; more;) {
    std::string rest = query;
    if (!from.empty()) rest.append("&from=").append(from);
    const auto page = cache.ask("GET", http::Method::get, root + path, rest);
    if (!page) return std::nullopt;
    for (const auto& element : (*page)[key]) all.push_back(element);
    more = !(*page)["next"].is_null();
    if (more) from = (*page)["next"];
  }
  return all;
}

int images(AskedCache& cache, const Command& command) {
  const auto all = whole_list(cache, "/images", "limit=2000&pattern=" + command.argument, "images");
  const int code = print_answer(command, all, print_images);
  // As for an object that is not there.
  return all && all->empty() && !command.argument.empty() ? exit_found : code;
}

int list(AskedCache& cache, const Command& command) {
  auto listed = whole_list(cache, "/objects", "limit=20000", "objects");
  if (!listed) return exit_found;
  Json& all = *listed;
  const std::string key = command.sort == "age" ? "stored_at_ms" : command.sort;
  const bool oldest_first = command.sort == "age";
  std::stable_sort(all.begin(), all.end(), [&](const Json& one, const Json& other) {
    return oldest_first ? one[key] < other[key] : one[key] > other[key];
  });
  return print_answer(command, listed, print_objects);
}

int verify(AskedCache& cache, const Command& command) {
  const auto stats = cache.ask("GET", http::Method::get, root);
  if (!stats) return exit_found;
  Progress progress(std::cerr, (*stats)["blob_bytes"], ::isatty(STDERR_FILENO) != 0);
  Json result = {{"objects", 0}, {"bytes", 0}, {"bad", Json::array()}};
  const std::string repair = command.repair ? "repair=true" : "repair=false";
  std::string from;
  for (bool more = true; more;) {
    std::string query = repair;
    if (!from.empty()) query.append("&from=").append(from);
    const auto piece = cache.ask("POST", http::Method::post, root + "/verify", query);
    if (!piece) return exit_found;
    for (const char* sum : {"objects", "bytes"})
      result[sum] = result[sum].get<std::uint64_t>() + (*piece)[sum].get<std::uint64_t>();
    for (const auto& bad : (*piece)["bad"]) result["bad"].push_back(bad);
    progress.show(result["bytes"]);
    more = !(*piece)["next"].is_null();
    if (more) from = (*piece)["next"];
  }
  progress.end();
  result["repaired"] = command.repair;
  print_answer(command, result, print_verification);
  return result["bad"].empty() ? exit_ok : exit_found;
}

/// Asks the operator at a terminal; a script is not asked.
bool agreed(const Command& command, const std::string& repository) {
  if (command.yes || ::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) return true;
  std::cerr << "entrepot: forget everything of " << printable(repository)
            << ", its tags and their images? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "yes") return true;
  std::cerr << "entrepot: nothing is removed\n";
  return false;
}

/// DIGEST, or [UPSTREAM/]REPOSITORY[:TAG].
int remove(AskedCache& cache, const Command& command, const conf::Config& config) {
  const std::string& what = command.argument;
  if (cache::Digest::parse(what))
    return print_answer(command, cache.ask("DELETE", http::Method::del, root + "/objects/" + what),
                        print_removed);
  const auto colon = what.rfind(':');
  const auto slash = what.find('/');
  const bool tagged = colon != std::string::npos && what.find('/', colon) == std::string::npos;
  auto repository = tagged ? what.substr(0, colon) : what;
  const auto named = [&](const conf::Upstream& upstream) {
    return slash != std::string::npos && upstream.name == what.substr(0, slash);
  };
  if (std::none_of(config.upstreams.begin(), config.upstreams.end(), named)) {
    if (slash == std::string::npos) repository = "library/" + repository;
    repository = config.default_upstream + "/" + repository;
  }
  if (!tagged && !agreed(command, repository)) return exit_found;
  return print_answer(command,
                      cache.ask("DELETE", http::Method::del, root + "/repositories/" + repository,
                                tagged ? "tag=" + what.substr(colon + 1) : ""),
                      print_removed);
}

}  // namespace

int run_cache_command(const Command& command, const conf::Config& config) {
  AskedCache cache(config, command.admin_access,
                   [](cache::OfflineCache& offline, http::Method method, const std::string& path,
                      const std::string& query) {
                     return admin::answer_cache_api(offline.admin(), method, path, query);
                   });
  const std::string pattern = "pattern=" + command.argument;
  switch (command.cache_action) {
    case CacheAction::stats:
      return print_answer(command, cache.ask("GET", http::Method::get, root), print_stats);
    case CacheAction::images:
      return images(cache, command);
    case CacheAction::list:
      return list(cache, command);
    case CacheAction::verify:
      return verify(cache, command);
    case CacheAction::remove:
      return remove(cache, command, config);
    case CacheAction::pins:
      return print_answer(command, cache.ask("GET", http::Method::get, root + "/pins"), print_pins);
    case CacheAction::pin:
      return print_answer(command, cache.ask("PUT", http::Method::put, root + "/pins", pattern),
                          print_pins);
    case CacheAction::unpin:
      return print_answer(command, cache.ask("DELETE", http::Method::del, root + "/pins", pattern),
                          print_pins);
  }
  return exit_bug;
}

}  // namespace entrepot::app
