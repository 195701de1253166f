// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/app/engines/check/documents.h"

namespace entrepot::app {

/// The files of a system below a root. Paths are those of the system. Each throws
/// std::runtime_error if a file cannot be read or parsed.
class System {
 public:
  explicit System(std::filesystem::path root) : root_(std::move(root)) {}

  /// nullopt if the file does not exist.
  std::optional<Document> document(const std::filesystem::path& file, DocumentFormat format) const {
    return read_document(root_, file, format);
  }
  bool has(const std::filesystem::path& file) const;
  /// The content of a file that another one names, which must exist.
  std::string content(const std::filesystem::path& file) const;
  /// The files of a folder with this extension, in their order; none without the folder.
  std::vector<std::filesystem::path> files(const std::filesystem::path& folder,
                                           std::string_view extension) const;
  /// The files whose names match the last part of the pattern (glob(7)), in their order; nullopt
  /// if the folder of the pattern does not exist.
  std::optional<std::vector<std::filesystem::path>> matching(
      const std::filesystem::path& pattern) const;
  /// A path below the root, for messages.
  std::string name(const std::filesystem::path& file) const;

 private:
  const std::filesystem::path root_;
};

}  // namespace entrepot::app
