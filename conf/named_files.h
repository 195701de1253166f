// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "conf/config.h"

namespace entrepot::conf {

/// Resolves the relative file names in a configuration (`ca_file`, `password_file`, `certificate`,
/// `key`) against `folder`, the folder of the configuration; an empty `folder` is the working
/// directory.
///
/// A password, certificate or key may also be provided by the service manager: `credentials/hub` is
/// $CREDENTIALS_DIRECTORY/credentials_hub, the name that systemd gives to a file `hub` of a folder
/// loaded as `credentials` (systemd.exec(5), LoadCredential=). systemd copies it when the service
/// starts, and before version 260 never again. So the file in `folder` has priority if this process
/// may read it and it has changed after the copy was made.
void find_named_files(Config& config, const std::filesystem::path& folder);

/// The files of `config` that have changed since the service manager made its copy, which counts
/// until the next start, because this process may not read them. Looks at the files. Any thread.
std::vector<std::string> stale_files(const Config& config);

}  // namespace entrepot::conf
