// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace entrepot::log {

/// Replaces stderr by a pipe during its lifetime.
class CapturedStderr {
 public:
  CapturedStderr();
  ~CapturedStderr();

  /// Fills the pipe until a write would block.
  void clog();
  /// Returns everything written since the start, including the filling. Ends the capture.
  std::string text();

 private:
  void restore();

  int saved_ = -1;
  int read_end_ = -1;
};

}  // namespace entrepot::log
