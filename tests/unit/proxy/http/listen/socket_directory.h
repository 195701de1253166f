// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

namespace entrepot::http {

/// A directory of the test's own with a short name, removed at the end.
class SocketDirectory {
 public:
  SocketDirectory() {
    std::string name("/tmp/entrepot-unix-XXXXXX");
    path_ = ::mkdtemp(name.data());
  }
  ~SocketDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  SocketDirectory(const SocketDirectory&) = delete;
  SocketDirectory& operator=(const SocketDirectory&) = delete;

  std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace entrepot::http
