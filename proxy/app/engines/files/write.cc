// SPDX-License-Identifier: Apache-2.0
// The record is saved before a file is written: after a crash in between, it knows of a content
// that the file does not have, which --undo ignores.
#include "proxy/app/engines/files/write.h"

#include <algorithm>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

#include "proxy/app/engines/files/record.h"
#include "proxy/app/engines/files/replaced_file.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

constexpr mode_t public_mode = 0644, secret_mode = 0600;

/// A path below the root as a path of the system.
fs::path without_root(const fs::path& path, const fs::path& root) {
  return fs::path("/") / path.lexically_relative(fs::weakly_canonical(fs::absolute(root)));
}

/// The folders that will be made for a file, the innermost first.
std::vector<fs::path> missing_folders(const fs::path& path, const fs::path& root) {
  std::vector<fs::path> missing;
  for (auto folder = path.parent_path(); !fs::exists(folder); folder = folder.parent_path())
    missing.push_back(without_root(folder, root));
  return missing;
}

/// A file of an engine, at one moment.
struct Found {
  fs::path path;                      ///< below the root
  std::optional<std::string> before;  ///< its content
  bool ours = false;                  ///< client-config has written this content
};

Found look_at(const EngineFile& file, const WrittenFile* known, const fs::path& root) {
  Found found;
  found.path = path_below(root, file.path);
  found.before = content_of_file(found.path);
  found.ours = found.before && known != nullptr && known->has_written(*found.before);
  return found;
}

/// The entry of the record for a file after it has been written.
WrittenFile entry(const EngineFile& file, const Found& found, const WrittenFile* known,
                  const Merged& merged, const fs::path& root) {
  WrittenFile entry = known != nullptr ? *known : WrittenFile{};
  entry.path = file.path;
  entry.secret = file.secret;
  if (known == nullptr || !found.before) {
    entry.made = !found.before;
    entry.parts.clear();
  }
  // The first content is no longer what remains without the mirror.
  if (!found.ours) entry.original.clear();
  for (auto& folder : missing_folders(found.path, root))
    if (std::ranges::find(entry.folders, folder) == entry.folders.end())
      entry.folders.push_back(std::move(folder));
  entry.add_content(merged.text);
  entry.add_parts(merged.added);
  return entry;
}

std::string replace(const EngineFile& file, const Found& found, const Merged& merged,
                    Record& record, const fs::path& root) {
  const WrittenFile* known = record.find(file.path);
  const bool first = known == nullptr;
  auto written = entry(file, found, known, merged, root);
  record.put(written);
  const auto backup = replace_file(found.path, found.before, merged.text,
                                   {.mode_of_new_file = file.secret ? secret_mode : public_mode,
                                    .keep_backup = !found.ours,
                                    .keep_mode = !file.secret});
  if (!backup) return found.before ? "changed" : "written";
  if (first) {
    written.original = without_root(*backup, root);
    record.put(written);
  }
  return "changed; as it was: " + backup->string();
}

bool write(const EngineFile& file, Record& record, const fs::path& root) {
  const Found found = look_at(file, record.find(file.path), root);
  const auto merged = file.merge(found.before.value_or(""), !found.before || found.ours);
  if (merged.outcome == Merged::Outcome::refused) {
    std::cerr << "entrepot: " << found.path.string() << ": " << merged.text
              << (merged.text.ends_with('\n') ? "" : "\n");
    return false;
  }
  const bool changed = merged.outcome == Merged::Outcome::changed;
  std::cout << found.path.string() << ": "
            << (changed ? replace(file, found, merged, record, root) : "nothing to do") << "\n";
  return true;
}

}  // namespace

bool write_files(const std::vector<EngineFile>& files, Engine engine, const fs::path& root) {
  Record record(root, engine);
  bool all = true;
  std::exception_ptr failed;
  for (const auto& file : files) {
    try {
      all &= write(file, record, root);
    } catch (const std::exception&) {
      if (!failed) failed = std::current_exception();
    }
  }
  if (failed) std::rethrow_exception(failed);
  return all;
}

}  // namespace entrepot::app
