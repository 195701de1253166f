// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "proxy/app/command/engine.h"
#include "proxy/app/engines/files/engine_file.h"

namespace entrepot::app {

/// Writes the files of an engine below `root`, records them for undo_files(), and reports the
/// result of each. Returns false if a file that lacks the mirror was left as it is. The failure of
/// a file does not keep the others from being written; the first one is thrown in the end: the
/// exceptions of replace_file().
///
/// A backup is kept of each content that this function has not written.
bool write_files(const std::vector<EngineFile>& files, Engine engine,
                 const std::filesystem::path& root);

}  // namespace entrepot::app
