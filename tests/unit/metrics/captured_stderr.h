// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace entrepot::log {

/// Puts a pipe in the place of stderr for as long as it lives.
class CapturedStderr {
 public:
  CapturedStderr();
  ~CapturedStderr();

  /// Fills the pipe until it takes no more.
  void clog();
  /// All that was written since, clogging included. Ends the capture.
  std::string text();

 private:
  void restore();

  int saved_ = -1;
  int read_end_ = -1;
};

}  // namespace entrepot::log
