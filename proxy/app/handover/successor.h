// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace entrepot::app {

/// A process that this one starts to be replaced by it: the same program file, as it is then, with
/// the same arguments and `--replace`. Control loop only.
class Successor {
 public:
  /// Starts it. Empty, or why that is not possible.
  std::string start();
  /// Null: none runs.
  const std::optional<pid_t>& pid() const { return pid_; }
  /// After SIGCHLD: how it has ended, "exit code 78"; empty: it has not.
  std::string end();

 private:
  std::optional<pid_t> pid_;
};

/// Remembers the program file and the arguments of this process, which an upgrade may replace while
/// it runs. Main thread, before any other.
void remember_program();

}  // namespace entrepot::app
