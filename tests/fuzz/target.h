// SPDX-License-Identifier: Apache-2.0
// The header of every fuzz target. A target is one file that defines run(); it is linked with
// libFuzzer (preset "fuzz") or with replay.cc, which runs the kept seeds in every other build.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace entrepot::fuzz {

/// Ends the process when `holds` is false: the input found a bug.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// Cuts an input into fields: each call takes the bytes up to the next newline.
inline std::string_view take_line(std::string_view& input) {
  const std::size_t end = input.find('\n');
  const std::string_view line = input.substr(0, end);
  input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  return line;
}

/// Defined by the target: takes any bytes; ends the process by require() or a sanitizer's report.
void run(std::string_view input);

}  // namespace entrepot::fuzz
