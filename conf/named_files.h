// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "conf/config.h"

namespace entrepot::conf {

/// Resolves the relative file names in a configuration (`ca_file`, `password_file`, `certificate`,
/// `key`) against `folder`, the folder of the configuration; an empty `folder` is the working
/// directory.
///
/// A password, certificate or key that the service manager provides has priority: `credentials/hub`
/// is $CREDENTIALS_DIRECTORY/credentials_hub, the name that systemd gives to a file `hub` of a
/// folder loaded as `credentials` (systemd.exec(5), LoadCredential=).
void find_named_files(Config& config, const std::filesystem::path& folder);

}  // namespace entrepot::conf
