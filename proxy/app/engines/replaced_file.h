// SPDX-License-Identifier: Apache-2.0
// Somebody else's configuration file, replaced as a whole or not at all; what it was before is
// kept.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::app {

/// A path of the system below `root`, with links followed: a file that is a link stays one, and
/// what it leads to is replaced. Throws std::runtime_error where a link leads out of `root` or to
/// nothing.
std::filesystem::path path_below(const std::filesystem::path& root,
                                 const std::filesystem::path& path);

/// Its content; nullopt where there is no such file. Throws std::runtime_error for what cannot be
/// read, is no file or is larger than 4 MiB.
std::optional<std::string> content_of_file(const std::filesystem::path& file);

/// Writes a file, with its folders where they are missing. A crash leaves what was before or what
/// is to be; an existing file's mode and owner stay. It stays itself as FILE.entrepot-backup, or
/// .2, .3 and so on where there is one already: the result; nullopt where there was no file.
///
/// `before`: what content_of_file() said. Another content by now is somebody else's work, and not
/// overwritten: std::system_error, as for a full disk, since it may go another time. What will fail
/// again is a std::runtime_error. After either, nothing has changed.
std::optional<std::filesystem::path> replace_file(const std::filesystem::path& file,
                                                  const std::optional<std::string>& before,
                                                  std::string_view content);

}  // namespace entrepot::app
