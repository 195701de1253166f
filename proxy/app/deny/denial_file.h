// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "proxy/access/denials.h"

namespace entrepot::app {

struct LoadedDenials {
  std::vector<access::Denial> list{};  ///< the entries that can be read
  std::string damage{};                ///< names the file and the first other entry; empty: none
};

/// The denials of a file. Throws std::runtime_error that names the file if it cannot be read or
/// parsed, or has another version. Empty without a file. Blocks.
LoadedDenials load_denials(const std::filesystem::path& file);

/// Replaces the file and syncs it, so that a crash leaves the old or the new one. Throws
/// std::runtime_error or std::system_error; the old file stays then. Blocks.
void save_denials(const std::filesystem::path& file, const std::vector<access::Denial>& list);

}  // namespace entrepot::app
