// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace entrepot::app {

/// "a, b, c". Pure.
inline std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

}  // namespace entrepot::app
