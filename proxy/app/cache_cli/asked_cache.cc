// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/cache_cli/asked_cache.h"

#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "cache/base/open_error.h"
#include "metrics/printable.h"
#include "proxy/app/command/component_options.h"
#include "proxy/app/command/exit_codes.h"

namespace entrepot::app {

using Json = nlohmann::ordered_json;

AskedCache::AskedCache(const conf::Config& config, const AccessOptions& access, Offline offline)
    : answer_(std::move(offline)) {
  try {
    offline_ = std::make_unique<cache::OfflineCache>(cache_options(config));
    std::cerr << "entrepot: no process uses " << config.cache.directory.string()
              << "; looking at it directly\n";
  } catch (const cache::OpenLaterError& error) {
    if (!config.admin)
      throw std::runtime_error(std::string(error.what()) +
                               " (and there is no admin listener in the configuration)");
    std::cerr << "entrepot: asking the process that uses " << config.cache.directory.string()
              << ", on " << config.admin->listener.address << "\n";
    client_ = std::make_unique<AdminClient>(target_of(*config.admin, access));
  }
}

std::optional<Json> AskedCache::ask(const char* method, http::Method as, const std::string& path,
                                    const std::string& query) {
  const auto answer = client_ ? ask_process(method, path + (query.empty() ? "" : "?" + query))
                              : answer_(*offline_, as, path, query);
  auto json = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object())
    throw std::runtime_error("the admin listener answers with something else; is it Entrepot's?");
  if (answer.status == 200) return json;
  std::cerr << "entrepot: "
            << (client_ ? client_->refusal(answer) : printable(json.value("error", "refused")))
            << "\n";
  return std::nullopt;
}

admin::ApiAnswer AskedCache::ask_process(const char* method, const std::string& target) {
  try {
    return client_->ask(method, target);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(std::string("a process uses the cache, and ") + error.what() +
                             "; name its configuration with --config, or stop it");
  }
}

int print_answer(const Command& command, const std::optional<Json>& json,
                 void (*as_text)(std::ostream&, const Json&)) {
  if (!json) return exit_found;
  if (command.json)
    std::cout << json->dump(2, ' ', true, Json::error_handler_t::replace) << "\n";
  else
    as_text(std::cout, *json);
  return exit_ok;
}

}  // namespace entrepot::app
