// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/engines/setup/engine_setup.h"
#include "proxy/app/engines/setup/mirror_access.h"

namespace entrepot::app {

/// The flags of the kaniko executor, a line each. kaniko reads no file of the machine: certificates
/// and the login have to be mounted into its container, which the notes say. A registry without a
/// path in the mirror is left out.
EngineSetup kaniko_setup(const ClientMirror& mirror, const std::vector<ClientRegistry>& registries,
                         const AccessOptions& options, const MirrorAccess& access);

}  // namespace entrepot::app
