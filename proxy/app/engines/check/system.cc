// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/check/system.h"

#include <fnmatch.h>

#include <algorithm>
#include <stdexcept>

#include "cache/base/folder.h"
#include "proxy/app/engines/files/replaced_file.h"

namespace entrepot::app {

namespace fs = std::filesystem;

bool System::has(const fs::path& file) const { return fs::exists(path_below(root_, file)); }

std::string System::content(const fs::path& file) const {
  const auto path = path_below(root_, file);
  auto content = content_of_file(path);
  if (!content) throw std::runtime_error(path.string() + " does not exist");
  return *std::move(content);
}

std::vector<fs::path> System::files(const fs::path& folder, std::string_view extension) const {
  std::vector<fs::path> files;
  // As far as it can be read: what cannot be read has no files.
  static_cast<void>(cache::for_each_entry(path_below(root_, folder), [&](const auto& entry) {
    if (entry.path().extension() == extension) files.push_back(folder / entry.path().filename());
  }));
  std::ranges::sort(files);
  return files;
}

std::optional<std::vector<fs::path>> System::matching(const fs::path& pattern) const {
  const auto folder = pattern.parent_path();
  if (!has(folder)) return std::nullopt;
  std::vector<fs::path> files;
  static_cast<void>(cache::for_each_entry(path_below(root_, folder), [&](const auto& entry) {
    const auto name = entry.path().filename();
    if (::fnmatch(pattern.filename().c_str(), name.c_str(), FNM_PERIOD) == 0)
      files.push_back(folder / name);
  }));
  std::ranges::sort(files);
  return files;
}

std::string System::name(const fs::path& file) const { return path_below(root_, file).string(); }

}  // namespace entrepot::app
