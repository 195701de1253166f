// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "proxy/app/engines/check/system.h"

namespace entrepot::app {

/// The settings of containerd that decide which folder of hosts.toml the pulls of Kubernetes read.
struct CriRegistry {
  std::string config_path;            ///< empty: none
  std::filesystem::path file;         ///< that has the table of the plugin, or else the main one
  bool has_mirrors = false;           ///< the older way, which containerd refuses beside the path
  bool client_pulls = false;          ///< the image service pulls without the transfer service
  bool version_3 = false;             ///< the format of `file`
  std::vector<std::string> unseen{};  ///< imports that are not below the root
};

/// Reads the main file and its imports, 100 files at most. A file that does not exist is in
/// `unseen`. Throws std::runtime_error if a file cannot be read or parsed.
CriRegistry read_cri_registry(const System& system, const std::filesystem::path& main);

}  // namespace entrepot::app
