// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "metrics/printable.h"

namespace entrepot {

/// The error of a single value of the operator, without its place: what is wrong and what to do.
/// Contains no secret, and no character that a terminal interprets.
struct Fault {
  std::string text;
};

/// The first 64 bytes of a text of the operator, in quotes, for a fault.
inline std::string quoted(std::string_view text) {
  return '"' + printable(text.substr(0, 64)) + '"';
}

}  // namespace entrepot
