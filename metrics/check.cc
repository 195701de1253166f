// SPDX-License-Identifier: Apache-2.0
#include "metrics/check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <string_view>

namespace entrepot {
namespace {

constexpr int exit_bug = 70;  // EX_SOFTWARE

std::string_view file_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

void bug(const char* what, const char* file, int line) {
  // Neither the log nor the heap can be trusted here, and no destructor may run beside live
  // threads.
  char text[512];
  const auto end =
      fmt::format_to_n(text, sizeof text - 1, "entrepot: bug: {} ({}:{}); please report it", what,
                       file_name(file), line);
  const std::size_t length = end.size < sizeof text - 1 ? end.size : sizeof text - 1;
  text[length] = '\n';
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, length + 1);
  ::_exit(exit_bug);
}

}  // namespace entrepot
