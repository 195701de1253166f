// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cache/upkeep/offline.h"
#include "conf/config.h"
#include "proxy/admin/cache_api.h"
#include "proxy/app/cache_cli/admin_client.h"
#include "proxy/app/command/command_line.h"
#include "proxy/http/parse/request.h"

namespace entrepot::app {

/// Executes the operations of the admin API that need the cache directory: in the running process,
/// or in this one, which then has the directory. Says on stderr which of both it is.
class AskedCache {
 public:
  /// Answers for a stopped process.
  using Offline =
      std::function<admin::ApiAnswer(cache::OfflineCache& cache, http::Method method,
                                     const std::string& path, const std::string& query)>;

  /// Throws what opening a cache does, and std::runtime_error if a process has it and no admin
  /// listener is configured.
  AskedCache(const conf::Config& config, const AccessOptions& access, Offline offline);

  /// `method` and `as` are the same one. nullopt, after telling why, when it was refused. Throws
  /// std::runtime_error if the process does not answer.
  std::optional<nlohmann::ordered_json> ask(const char* method, http::Method as,
                                            const std::string& path, const std::string& query = {});

 private:
  admin::ApiAnswer ask_process(const char* method, const std::string& target);

  const Offline answer_;
  std::unique_ptr<cache::OfflineCache> offline_;
  std::unique_ptr<AdminClient> client_;
};

/// Prints an answer for people, or as JSON. Returns the exit code: 1 without an answer.
int print_answer(const Command& command, const std::optional<nlohmann::ordered_json>& json,
                 void (*as_text)(std::ostream&, const nlohmann::ordered_json&));

}  // namespace entrepot::app
