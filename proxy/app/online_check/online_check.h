// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

#include "conf/config.h"

namespace entrepot::app {

/// `entrepot check --online`: tries each endpoint of the configuration, one after the other, and
/// prints a line for each step (EndpointTrial) to `out`. No line has a secret. The exit
/// code: exit_ok, or exit_found if a step was not good. REQUIRES: the configuration has passed the
/// checks that need no network. Main thread.
int run_online_check(const conf::Config& config, std::ostream& out);

}  // namespace entrepot::app
