// SPDX-License-Identifier: Apache-2.0
// What one engine's configuration is to become: texts and advice, made without touching a file.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace entrepot::app {

/// What is to become of a file that is there.
struct Merged {
  enum class Outcome { changed, unchanged, refused };
  Outcome outcome = Outcome::unchanged;
  std::string text;  ///< changed: its new content; refused: why, and what to do by hand
};

/// A file that an engine reads.
struct EngineFile {
  std::filesystem::path path;
  std::string content;  ///< where there is none yet, and what is shown
  std::function<Merged(std::string_view existing)> merge;
};

struct EngineSetup {
  std::vector<EngineFile> files;
  /// Comes before each file where several are shown; empty: the format has no comments.
  std::string comment;
  std::vector<std::string> notes;  ///< what is in the way, and what to do about it
  std::vector<std::string> next;   ///< once the files are written
};

/// A text in TOML.
inline std::string in_toml(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace entrepot::app
