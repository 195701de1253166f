// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/command/engine.h"
#include "proxy/app/engines/setup/engine_setup.h"
#include "proxy/app/engines/setup/mirror_access.h"

namespace entrepot::app {

inline constexpr const char* daemon_json = "/etc/docker/daemon.json";

/// /etc/docker/daemon.json: the mirror is asked before those that are named there already; all
/// other keys stay. A file that is not plain JSON is refused. Certificates are copied to
/// /etc/docker/certs.d; this way has no login.
EngineSetup docker_setup(const ClientMirror& mirror, const std::vector<ClientRegistry>& registries,
                         const MirrorAccess& access = {});

/// With containerd's image store: the files of add_hosts_files() in /etc/docker/certs.d.
EngineSetup docker_store_setup(const ClientMirror& mirror,
                               const std::vector<ClientRegistry>& registries,
                               const MirrorAccess& access, RegistryScope scope);

}  // namespace entrepot::app
