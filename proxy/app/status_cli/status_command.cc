// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/status_cli/status_command.h"

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "proxy/app/cache_cli/admin_client.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/status_cli/status_screen.h"

namespace entrepot::app {
namespace {

/// The process waits for its fetch loops for five seconds.
constexpr std::chrono::seconds status_patience{10};
constexpr int not_found = 404;

}  // namespace

int run_status_command(const Command& command, const AdminTarget& target) {
  AdminClient client(target, status_patience);
  admin::ApiAnswer answer;
  try {
    answer = client.ask("GET", "/api/v1/status");
  } catch (const std::runtime_error& error) {
    std::cerr << "entrepot: " << error.what()
              << "; if it does not run, the last lines of its log say why, and `entrepot check` "
                 "finds faults of its configuration\n";
    return exit_restart;
  }
  if (answer.status != 200) {
    std::cerr << "entrepot: the process on " << target.address << " does not tell its state: "
              << (answer.status == not_found ? "its version has none" : client.refusal(answer))
              << "\n";
    return exit_config;
  }
  const auto status =
      nlohmann::ordered_json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  const auto well = is_well(status);
  if (!well) {
    std::cerr << "entrepot: the answer of " << target.address
              << " is no state of Entrepot; is another program behind this address?\n";
    return exit_config;
  }
  if (command.json)
    std::cout << status.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace)
              << "\n";
  else
    print_status(std::cout, status);
  return *well ? exit_ok : exit_found;
}

}  // namespace entrepot::app
