// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"
#include "proxy/app/handover/inherited_sockets.h"

namespace entrepot::app {

/// The sockets that the service manager passes to this process (LISTEN_FDS, sd_listen_fds(3)):
/// those that the process before has stored there, or those of a socket unit. Closes those on which
/// no listener of `config` listens, with a line in the log, and removes the variables from the
/// environment. Main thread, before any other.
InheritedSockets sockets_of_manager(const conf::Config& config);

/// Binds the ports of `config` that `sockets` lacks, and adds them, so that a port that is in use
/// is found before the running process gives its cache up. Throws http::ListenError.
void bind_new_ports(const conf::Config& config, InheritedSockets& sockets);

}  // namespace entrepot::app
