// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "proxy/app/engines/check/system.h"

namespace entrepot::app {

/// The files of a configuration of containerd.
struct ContainerdFiles {
  std::filesystem::path main;
  std::vector<std::pair<std::filesystem::path, Document>> read{};  ///< in containerd's order
  std::vector<std::string> unseen{};  ///< the main file, or imports that are not below the root
};

/// Reads the main file and its imports, 100 files at most. A file that does not exist is in
/// `unseen`. Throws std::runtime_error if a file cannot be read or parsed.
ContainerdFiles read_containerd_files(const System& system, const std::filesystem::path& main);

/// Whether the format of the main file is 3 or newer, which containerd 1 cannot read.
bool is_for_containerd_2(const ContainerdFiles& files);

/// The settings of containerd that decide which folder of hosts.toml the pulls of Kubernetes read.
struct CriRegistry {
  std::string config_path{};   ///< empty: none
  std::filesystem::path file;  ///< that has the path, or else may have it
  bool has_mirrors = false;    ///< the older way, which containerd refuses beside the path
  bool client_pulls = false;   ///< the image service pulls without the transfer service
  std::int64_t format = 2;     ///< of `file`, which decides about the name of the table: 1 to 3
};

/// As containerd 1 takes the files: the table of the plugin in a later file replaces the one of an
/// earlier file. It knows the plugin by one name only, which depends on the format. Pure.
CriRegistry registry_of_containerd_1(const ContainerdFiles& files);
/// As containerd 2 takes the files: a later file replaces single values
/// (github.com/containerd/containerd, pull request 9982). Pure.
CriRegistry registry_of_containerd_2(const ContainerdFiles& files);

}  // namespace entrepot::app
