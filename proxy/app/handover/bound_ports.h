// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"
#include "proxy/app/handover/inherited_sockets.h"

namespace entrepot::app {

/// Binds the ports of `config` that `sockets` lacks, and adds them, so that a port that is in use
/// is found before the running process gives its cache up. Throws http::ListenError.
void bind_new_ports(const conf::Config& config, InheritedSockets& sockets);

}  // namespace entrepot::app
