// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "proxy/app/command/command_line.h"
#include "proxy/app/engines/check/system.h"

namespace entrepot::app {

/// Whether the pulls of Kubernetes read the hosts.toml of a folder.
enum class FolderOutcome : std::uint8_t {
  read,
  no_configuration,  ///< containerd has no file of configuration
  no_config_path,    ///< it names no folder
  several_folders,   ///< which containerd 2 takes for one (containerd issue 12415)
  other_folder,
  containerd_1,  ///< containerd 1 reads it, and containerd 2 does not
  containerd_2,  ///< the other way round
  unreadable,    ///< a file cannot be read or parsed
};

struct FolderFinding {
  FolderOutcome outcome = FolderOutcome::unreadable;
  std::string text;  ///< one printable line: the finding, the file, and the remedy
};

/// Reads containerd's configuration `config` and the files that it imports, in the formats 1 to 3.
/// A configuration of the format 3 is taken as containerd 2 does; one of an older format may be for
/// either, and is taken in both ways. Both paths are those of the system. Does not throw: a failure
/// is the outcome `unreadable`.
FolderFinding find_folder(const System& system, const std::filesystem::path& config,
                          const std::filesystem::path& folder);

/// `entrepot client-config containerd --check-folder`: prints the finding, and with a report writes
/// it there. Returns the exit code: 1 if containerd does not read the folder and no report is
/// wanted. Throws std::runtime_error if the report cannot be written.
int check_folder(const Command& command);

}  // namespace entrepot::app
