// SPDX-License-Identifier: Apache-2.0
// The files that `client-config --write` has written for an engine, for `--undo`. The record is a
// file of JSON below the root of the same system, so that a copy of that system has it too.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/app/command/engine.h"
#include "proxy/app/engines/files/engine_file.h"

namespace entrepot::app {

/// A part of a JSON file of others that client-config has added.
struct WrittenPart {
  std::string key, name;  ///< as in AddedPart
  std::string digest;     ///< record_digest() of the value of a member; empty for a text
};

/// A file that client-config has written. Paths are those of the system, without its root.
struct WrittenFile {
  std::filesystem::path path;  ///< as the engine names it
  bool made = false;           ///< it did not exist before
  bool secret = false;         ///< it holds a password or a key
  /// Digests of each content that was written. The file is unchanged if its digest is one of them.
  std::vector<std::string> digests;
  std::filesystem::path original;              ///< a backup: the file before the first write
  std::vector<std::filesystem::path> folders;  ///< that were made for it, the innermost first
  std::vector<WrittenPart> parts;              ///< of a file of others; empty: the whole file

  bool has_written(std::string_view content) const;
  void add_content(std::string_view content);
  void add_parts(const std::vector<AddedPart>& added);
};

/// The digest by which the record knows a content.
std::string record_digest(std::string_view content);

/// One process at a time; another one that writes at the same time gets an exception.
class Record {
 public:
  /// Reads the record of an engine; an absent one is empty. Throws std::runtime_error if it cannot
  /// be read.
  Record(const std::filesystem::path& root, Engine engine);

  const std::filesystem::path& file() const { return file_; }
  const std::vector<WrittenFile>& files() const { return files_; }

  /// nullptr if client-config has not written it.
  const WrittenFile* find(const std::filesystem::path& path) const;
  /// Adds a file, or replaces what is known of it, and saves the record. Throws the exceptions of
  /// replace_file().
  void put(const WrittenFile& file);
  /// Removes a file and saves the record. An empty record is no file.
  void forget(const std::filesystem::path& path);

 private:
  void save();

  const std::filesystem::path file_;
  std::optional<std::string> saved_;  ///< the content of the file
  std::vector<WrittenFile> files_;
};

}  // namespace entrepot::app
