// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <system_error>
#include <utility>

namespace entrepot::cache {

/// Calls `visit` with each entry of `folder`, in no particular order. Returns the error that ended
/// the iteration, such as no_such_file_or_directory if the folder does not exist; the entries
/// before it have been visited. Blocks. (A range-for over a directory_iterator throws if a later
/// increment fails, even if its constructor was given an error_code.)
template <typename Visit>
[[nodiscard]] std::error_code for_each_entry(const std::filesystem::path& folder, Visit visit) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (const std::filesystem::directory_iterator end; !error && entry != end;
       entry.increment(error))
    visit(std::as_const(*entry));
  return error;
}

}  // namespace entrepot::cache
