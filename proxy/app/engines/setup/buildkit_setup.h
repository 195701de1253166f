// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/engines/setup/engine_setup.h"
#include "proxy/app/engines/setup/mirror_access.h"

namespace entrepot::app {

/// /etc/buildkit/buildkitd.toml, which buildkitd reads at its start, and which `docker buildx
/// create` copies into a builder. BuildKit sends `?ns=` to a mirror and asks the registry itself
/// after it. A file that this program did not write is never changed: it is left as it is if it
/// names the mirror and the certificates, and refused with the lines to add if not. Certificates
/// are copied beside it. A login is that of the client of BuildKit.
EngineSetup buildkit_setup(const ClientMirror& mirror,
                           const std::vector<ClientRegistry>& registries,
                           const MirrorAccess& access = {});

}  // namespace entrepot::app
