// SPDX-License-Identifier: Apache-2.0
// Replaces files as a whole or not at all; of configuration files of other programs it keeps the
// previous content.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::app {

/// Resolves a path of the system below `root`. A file that is a link remains one, and its target is
/// replaced. Throws std::runtime_error if a link points outside of `root` or to nothing.
std::filesystem::path path_below(const std::filesystem::path& root,
                                 const std::filesystem::path& path);

/// The content of a file; nullopt if it does not exist. Throws std::runtime_error if it cannot be
/// read, is no regular file or is larger than 4 MiB.
std::optional<std::string> content_of_file(const std::filesystem::path& file);

/// The way in which replace_file() treats the file.
struct Replacement {
  mode_t mode_of_new_file = 0644;
  bool keep_backup = true;  ///< false: the old content is gone
  bool keep_mode = true;    ///< false: an existing file gets mode_of_new_file
};

/// Writes a file and creates its folders. A crash leaves the old or the new content. An existing
/// file keeps its mode (unless told otherwise) and owner, and its old content is kept as
/// FILE.entrepot-backup, or with .2, .3 and so on if that exists. Returns the path of the backup;
/// nullopt if the file did not exist or no backup is kept.
///
/// `before`: the result of content_of_file(). A file that another program has changed since is not
/// overwritten: std::system_error, as for a full disk, because a retry may succeed. Any other
/// failure is a std::runtime_error. After either, nothing has changed.
std::optional<std::filesystem::path> replace_file(const std::filesystem::path& file,
                                                  const std::optional<std::string>& before,
                                                  std::string_view content,
                                                  const Replacement& replacement = {});

/// Removes a file. Throws as replace_file() if its content is not `before`.
void remove_file(const std::filesystem::path& file, std::string_view before);

/// Puts `backup`, a file of the same folder, in the place of `file`, with its own mode and owner.
/// Throws as replace_file() if the content of `file` is not `before`.
void restore_file(const std::filesystem::path& file, std::string_view before,
                  const std::filesystem::path& backup);

}  // namespace entrepot::app
