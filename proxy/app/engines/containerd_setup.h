// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/engines/engine_setup.h"
#include "proxy/app/engines/mirror_access.h"

namespace entrepot::app {

inline constexpr const char* containerd_config = "/etc/containerd/config.toml";

/// A hosts.toml for each registry, in the folder that containerd's own configuration names
/// (`config`: that file, empty where there is none; nullopt where nobody looked), else in
/// /etc/containerd/certs.d.
/// A hosts.toml that was not written by this program, or was edited since, is never changed: it is
/// left in peace if it names the mirror and the access to it, refused with what to add to it if
/// not. Certificates are copied to the folder of the mirror's own name, where containerd finds them
/// for images that name the mirror too. A login is a header, in the file.
EngineSetup containerd_setup(const ClientMirror& mirror,
                             const std::vector<ClientRegistry>& registries,
                             const std::optional<std::string>& config,
                             const MirrorAccess& access = {});

}  // namespace entrepot::app
