// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "proxy/app/command/engine.h"

namespace entrepot::app {

/// Takes back what write_files() has written for an engine below `root`, and reports the result of
/// each file:
/// - A file as it was written is removed, or its first backup is put back in its place.
/// - A file of others that has changed since loses only the parts that were added.
/// - Any other file that has changed since is left as it is, and its manual step is printed.
/// Returns false if a file was left. A second call changes nothing. Throws as write_files().
bool undo_files(Engine engine, const std::filesystem::path& root);

}  // namespace entrepot::app
