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

/// All errors and warnings found so far. They are reported together, so that an operator can
/// correct a file in one pass.
struct Problems {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;

  /// `path`: of the key, "upstreams.docker.io.endpoints[1].url".
  void error(std::string_view path, std::string_view message) { add(errors, path, message); }
  void warn(std::string_view path, std::string_view message) { add(warnings, path, message); }

  /// True if this key, or one below it, already has an error.
  bool has_error(std::string_view path) const {
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
