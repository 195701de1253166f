// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace entrepot::conf {

/// The path of an entry of the array at `path`.
inline std::string indexed(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

/// What was found wrong or doubtful so far. All of it is told at once, so that an operator does not
/// mend a file one start at a time.
struct Problems {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;

  /// `path`: of the key, "upstreams.docker.io.endpoints[1].url".
  void error(std::string_view path, std::string_view message) { add(errors, path, message); }
  void warn(std::string_view path, std::string_view message) { add(warnings, path, message); }

  /// True when this key, or one below it, was found wrong already.
  bool wrong(std::string_view path) const {
    return std::any_of(errors.begin(), errors.end(),
                       [&](const std::string& line) { return line.starts_with(path); });
  }

 private:
  static void add(std::vector<std::string>& lines, std::string_view path,
                  std::string_view message) {
    std::string line(path);
    if (!line.empty()) line += ": ";
    lines.push_back(line.append(message));
  }
};

}  // namespace entrepot::conf
