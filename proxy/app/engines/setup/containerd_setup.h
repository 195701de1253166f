// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/engines/setup/engine_setup.h"
#include "proxy/app/engines/setup/mirror_access.h"

namespace entrepot::app {

inline constexpr const char* containerd_config = "/etc/containerd/config.toml";

/// The folder of hosts.toml.
struct HostsFolder {
  std::filesystem::path path;
  std::string note;  ///< the setting that containerd's configuration lacks; empty: none
};

/// `config`: as for containerd_setup().
HostsFolder hosts_folder(const std::optional<std::string>& config);

/// The files of add_hosts_files() in the folder that containerd's own configuration names
/// (`config`: that file, empty where there is none; nullopt where nobody looked), else in
/// /etc/containerd/certs.d.
EngineSetup containerd_setup(const ClientMirror& mirror,
                             const std::vector<ClientRegistry>& registries,
                             const std::optional<std::string>& config,
                             const MirrorAccess& access = {},
                             RegistryScope scope = RegistryScope::configured);

}  // namespace entrepot::app
