// SPDX-License-Identifier: Apache-2.0
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

}  // namespace entrepot::app
