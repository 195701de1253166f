// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/engines/engine_setup.h"

namespace entrepot::app {

inline constexpr const char* containerd_config = "/etc/containerd/config.toml";

/// A hosts.toml for each registry, in the folder that containerd's own configuration names
/// (`config`: that file, empty where there is none; nullopt where nobody looked), else in
/// /etc/containerd/certs.d.
/// A hosts.toml that was not written by this program, or was edited since, is never changed: it is
/// left in peace if it names the mirror, refused with what to add to it if it does not.
EngineSetup containerd_setup(const ClientMirror& mirror,
                             const std::vector<ClientRegistry>& registries,
                             const std::optional<std::string>& config);

}  // namespace entrepot::app
