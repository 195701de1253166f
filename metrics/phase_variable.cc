// SPDX-License-Identifier: Apache-2.0
#include "metrics/phase_variable.h"

#include <string>

#include "metrics/check.h"
#include "metrics/log.h"

namespace entrepot {

void report_forbidden_transition(std::string_view machine, std::string_view from,
                                 std::string_view to) {
  const std::string message = std::string(machine) + " moves from \"" + std::string(from) +
                              "\" to \"" + std::string(to) + "\"";
#ifdef NDEBUG
  log::error("{}, which its state machine does not allow; this is a bug worth reporting", message);
#else
  bug(message.c_str());
#endif
}

}  // namespace entrepot
