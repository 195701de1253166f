// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/files/undo.h"

#include <algorithm>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>

#include "conf/json/json_edits.h"
#include "proxy/app/engines/files/record.h"
#include "proxy/app/engines/files/replaced_file.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

/// The result for a file.
struct Undone {
  bool done = true;
  std::string text;  ///< what happened, or the manual step
};

Undone left(const std::string& why, const Record& record) {
  return {false, why +
                     ", and it is left as it is: remove the mirror from it by hand, then remove " +
                     record.file().string()};
}

/// The text without the parts of `file`; nullopt after a problem. A member that has another value
/// by now is of another hand, and stays; one that `original` has gets its former value.
std::optional<std::string> without_parts(std::string text, const WrittenFile& file,
                                         const std::optional<std::string>& original,
                                         conf::Problems& problems) {
  for (const auto& part : file.parts) {
    std::optional<std::string> next;
    if (part.digest.empty()) {
      next = conf::remove_from_lists(text, {{part.key, part.name}}, problems);
    } else {
      const auto value = conf::member_value(text, {part.key, part.name}, problems);
      if (value && record_digest(*value) != part.digest) continue;
      const auto former =
          original ? conf::member_value(*original, {part.key, part.name}, problems) : std::nullopt;
      if (former && !former->empty())
        next = conf::set_member(text, {part.key, part.name}, *former, problems);
      else if (value)
        next = conf::remove_member(text, {part.key, part.name}, problems);
    }
    if (!next) return std::nullopt;
    text = std::move(*next);
  }
  return text;
}

Undone remove_parts(const WrittenFile& file, const fs::path& path, const std::string& now,
                    const std::optional<std::string>& original, const Record& record) {
  conf::Problems problems;
  const auto rest = without_parts(now, file, original, problems);
  if (!rest) return left(problems.errors.front(), record);
  if (file.made && conf::is_empty_object(*rest)) {
    remove_file(path, now);
    return {true, "removed"};
  }
  if (*rest == now) return {true, "nothing to do"};
  const auto backup = replace_file(path, now, *rest, {.keep_backup = !file.secret});
  return {true, "the mirror is removed from it" +
                    (backup ? "; as it was: " + backup->string() : std::string())};
}

Undone undo(const WrittenFile& file, const Record& record, const fs::path& root) {
  const auto path = path_below(root, file.path);
  const auto now = content_of_file(path);
  if (!now) return {true, "is gone already"};
  const bool unchanged = file.has_written(*now);
  const auto original = file.original.empty() ? fs::path() : path_below(root, file.original);
  const auto before = original.empty() ? std::nullopt : content_of_file(original);
  if (unchanged && before) {
    restore_file(path, *now, original);
    return {true, "as it was before"};
  }
  if (unchanged && (file.made || file.parts.empty())) {
    remove_file(path, *now);
    return {true, "removed"};
  }
  if (!file.parts.empty()) return remove_parts(file, path, *now, before, record);
  return left("was changed since client-config wrote it", record);
}

/// Folders that hold something by now stay.
void remove_folders(const WrittenFile& file, const fs::path& root) {
  std::error_code not_empty;
  for (const auto& folder : file.folders)
    if (!fs::remove(path_below(root, folder), not_empty)) return;
}

}  // namespace

bool undo_files(Engine engine, const fs::path& root) {
  Record record(root, engine);
  if (record.files().empty())
    std::cout << "Nothing to undo: client-config --write has written no file of "
              << metrics::to_string(engine) << " (" << record.file().string()
              << " does not exist)\n";
  bool all = true;
  std::exception_ptr failed;
  // In the reverse order, because the first file knows the folders that were made for all.
  auto files = record.files();
  std::ranges::reverse(files);
  for (const auto& file : files) {
    try {
      const auto undone = undo(file, record, root);
      auto& out = undone.done ? std::cout : std::cerr << "entrepot: ";
      out << path_below(root, file.path).string() << ": " << undone.text << "\n";
      all &= undone.done;
      if (!undone.done) continue;
      record.forget(file.path);
      remove_folders(file, root);
    } catch (const std::exception&) {
      if (!failed) failed = std::current_exception();
    }
  }
  if (failed) std::rethrow_exception(failed);
  return all;
}

}  // namespace entrepot::app
