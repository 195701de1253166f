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

inline constexpr const char* podman_folder = "/etc/containers/registries.conf.d";
inline constexpr const char* podman_file = "/etc/containers/registries.conf";

/// A file that an engine reads besides ours.
struct ConfigFile {
  std::filesystem::path path;
  std::string text;
};

/// /etc/containers/registries.conf.d/entrepot.conf, which is ours: podman, skopeo, buildah and
/// CRI-O read it. `others`: what else they read, for notes where it speaks of the same registries.
/// Certificates are copied to /etc/containers/certs.d, and a login is added to root_login_file.
EngineSetup podman_setup(const ClientMirror& mirror, const std::vector<ClientRegistry>& registries,
                         const std::vector<ConfigFile>& others, const MirrorAccess& access = {});

/// CRI-O has the same files. `logins`: the global_auth_file of its configuration, empty where there
/// is none; nullopt where nobody looked. Without one, CRI-O reads the file of root's podman.
EngineSetup crio_setup(const ClientMirror& mirror, const std::vector<ClientRegistry>& registries,
                       const std::vector<ConfigFile>& others,
                       const std::optional<std::string>& logins, const MirrorAccess& access = {});

/// apptainer has the same file about registries, and takes neither certificates nor a login from
/// files of the system.
EngineSetup apptainer_setup(const ClientMirror& mirror,
                            const std::vector<ClientRegistry>& registries,
                            const std::vector<ConfigFile>& others);

}  // namespace entrepot::app
