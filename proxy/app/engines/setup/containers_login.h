// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/engines/setup/engine_setup.h"
#include "proxy/app/engines/setup/mirror_access.h"

namespace entrepot::app {

/// The file of logins that the tools of the family of podman read for root after that of `podman
/// login`, /run/containers/0/auth.json, which a restart of the system removes
/// (containers-auth.json(5)).
inline constexpr const char* root_login_file = "/root/.config/containers/auth.json";

/// The login to the mirror, under the mirror's own name, in a file in the format of
/// containers-auth.json(5), which is that of Docker's config.json. Other logins stay.
/// REQUIRES: `access` has a user.
EngineFile login_file(const std::filesystem::path& path, const ClientMirror& mirror,
                      const MirrorAccess& access);

}  // namespace entrepot::app
