// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/command/engine.h"
#include "proxy/app/engines/setup/engine_setup.h"
#include "proxy/app/engines/setup/mirror_access.h"

namespace entrepot::app {

/// Adds the files with which containerd, and Docker with containerd's image store, use a mirror:
/// FOLDER/NAME/hosts.toml for each of `registries`, or FOLDER/_default/hosts.toml for every
/// registry without such a file. Certificates are copied to the folder of the mirror's own name,
/// where images that name the mirror find them too. A login is a header, in each file.
///
/// A hosts.toml that was not written by this program, or was edited since, is never changed: it is
/// left in peace if it names the mirror and the access to it, refused with the lines to add if not.
void add_hosts_files(EngineSetup& setup, const std::filesystem::path& folder,
                     const ClientMirror& mirror, const std::vector<ClientRegistry>& registries,
                     RegistryScope scope, const MirrorAccess& access);

}  // namespace entrepot::app
