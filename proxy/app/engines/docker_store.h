// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "proxy/app/command/engine.h"

namespace entrepot::app {

/// The image store of the Docker of this machine.
struct FoundStore {
  std::optional<DockerStore> store;
  std::string why;  ///< the reason if it was not found out
};

/// Asks the running Docker by `docker info`, with the program of PATH, and waits for its answer at
/// most `patience`. Never throws.
FoundStore ask_docker_for_its_store(std::chrono::milliseconds patience);

}  // namespace entrepot::app
