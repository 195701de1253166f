// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "conf/config.h"

namespace entrepot::conf {

/// Makes paths of the relative file names in a configuration (`ca_file`, `password_file`): they are
/// below `folder`, where the configuration lies; empty: the working directory.
///
/// A password that the service manager hands over is taken instead: of `credentials/hub` it is
/// $CREDENTIALS_DIRECTORY/credentials_hub, the name that systemd gives to a file `hub` of a folder
/// that is loaded as `credentials` (systemd.exec(5), LoadCredential=).
void find_named_files(Config& config, const std::filesystem::path& folder);

}  // namespace entrepot::conf
