// SPDX-License-Identifier: Apache-2.0
// The new configuration of one engine, as texts and advice. Reads and writes no file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/engines/files/engine_file.h"

namespace entrepot::app {

struct EngineSetup {
  std::vector<EngineFile> files;
  /// Precedes each file if several are printed; empty: the format has no comments.
  std::string comment;
  std::vector<std::string> notes;  ///< obstacles and their remedies
  std::vector<std::string> next;   ///< steps after the files are written
};

/// Quotes a text for TOML.
inline std::string in_toml(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

/// The note on a registry whose name no path can hold. REQUIRES: its path is empty.
inline std::string left_out(const ClientRegistry& registry) {
  return registry.name +
         " is left out: a path cannot hold the ':' of its name. Give it an alias without a port in "
         "the mirror's configuration";
}

}  // namespace entrepot::app
