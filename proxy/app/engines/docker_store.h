// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "proxy/app/command/engine.h"

namespace entrepot::app {

/// The image store of the Docker of this machine, which decides where Docker looks for mirrors.
struct FoundStore {
  /// DockerStore::graphdriver as well for containerd's image store of a Docker before 28: it looks
  /// for mirrors in daemon.json only (seen with 26.1.5; 28.5.2 reads hosts.toml).
  std::optional<DockerStore> store;
  std::string why;   ///< the reason if it was not found out
  std::string note;  ///< for the operator; may be empty
};

/// Asks the running Docker by `docker info`, with the program of PATH, and waits for its answer at
/// most `patience`. Never throws.
FoundStore ask_docker_for_its_store(std::chrono::milliseconds patience);

}  // namespace entrepot::app
