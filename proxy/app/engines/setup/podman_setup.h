// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/engines/setup/engine_setup.h"
#include "proxy/app/engines/setup/mirror_access.h"

namespace entrepot::app {

inline constexpr const char* podman_folder = "/etc/containers/registries.conf.d";
inline constexpr const char* podman_file = "/etc/containers/registries.conf";

/// A file that podman reads besides ours.
struct PodmanFile {
  std::filesystem::path path;
  std::string text;
};

/// /etc/containers/registries.conf.d/entrepot.conf, which is ours: podman, skopeo, buildah and
/// CRI-O read it. `others`: what else they read, for notes where it speaks of the same registries.
/// Certificates are copied to /etc/containers/certs.d, and a login is added to root_login_file.
EngineSetup podman_setup(const ClientMirror& mirror, const std::vector<ClientRegistry>& registries,
                         const std::vector<PodmanFile>& others, const MirrorAccess& access = {});

}  // namespace entrepot::app
