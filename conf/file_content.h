// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "conf/json/problems.h"

namespace entrepot::conf {

struct FileContent {
  std::string bytes;
  bool readable_by_all;  ///< every user of the system can read the file
};

/// The first `most` bytes of a regular file that the configuration names under `path`; nullopt
/// after a problem. Never waits, as the opening of a FIFO would. Blocking read; any thread.
std::optional<FileContent> read_file(const std::filesystem::path& file, std::size_t most,
                                     const std::string& path, Problems& problems);

}  // namespace entrepot::conf
