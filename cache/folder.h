// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <system_error>
#include <utility>

namespace entrepot::cache {

/// Calls `visit` with each entry of `folder`, in no order, until its end or until the system cannot
/// go on; the result says why it could not (a folder that is not there: no_such_file_or_directory),
/// and what was visited until then stays visited. Blocks. A range-for over a directory_iterator
/// throws where a later step fails, whatever its constructor was given.
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
