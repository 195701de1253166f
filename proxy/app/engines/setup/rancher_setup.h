// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/engines/setup/engine_setup.h"
#include "proxy/app/engines/setup/mirror_access.h"

namespace entrepot::app {

enum class RancherKind { k3s, rke2 };

/// /etc/rancher/k3s/registries.yaml or /etc/rancher/rke2/registries.yaml, from which the service
/// writes the hosts.toml of its containerd at each start. The registry itself follows the mirror,
/// as the service adds it. A file that this program did not write is never changed: it is left as
/// it is if it names the mirror and the access to it, and refused with the lines to add if not.
/// Certificates are copied beside it; a login is in the file.
EngineSetup rancher_setup(RancherKind kind, const ClientMirror& mirror,
                          const std::vector<ClientRegistry>& registries,
                          const MirrorAccess& access = {});

}  // namespace entrepot::app
