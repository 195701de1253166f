// SPDX-License-Identifier: Apache-2.0
// The new configuration of one engine, as texts and advice. Reads and writes no file.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace entrepot::app {

/// A part of a JSON file of others: a text in a list, or a member of an object.
struct AddedPart {
  std::string key;    ///< of the list or the object, in the outermost object
  std::string name;   ///< the text, or the name of the member
  std::string value;  ///< of the member, as JSON; empty for a text
};

/// The new content of a file.
struct Merged {
  enum class Outcome { changed, unchanged, refused };
  Outcome outcome = Outcome::unchanged;
  std::string text;  ///< changed: the new content; refused: the reason and the manual step
  std::vector<AddedPart> added;  ///< to a file of others; empty: the whole file is ours
};

/// A file that an engine reads.
struct EngineFile {
  std::filesystem::path path;
  std::string content;  ///< the content of a new file, and the printed text
  /// `ours`: this program has written the existing content, or there is none.
  std::function<Merged(std::string_view existing, bool ours)> merge;
  bool secret = false;  ///< only root may read it
  std::filesystem::path copy_of =
      {};  ///< printed instead of the content; empty: the content is printed
};

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

}  // namespace entrepot::app
