// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace entrepot::app {

/// Root reads files that the service cannot. Runs `reads` as the owner of `cache`, whom the service
/// runs as, and returns the lines of what they throw (conf::ConfigError, std::exception), with the
/// name of that user. Empty if this process is not root's, if `cache` does not exist yet, or if
/// root owns it.
///
/// `credentials`: the folder that the service manager reads and hands to the service
/// (conf::find_named_files()); a file in it need not be readable. Main thread, before any other.
/// Throws std::system_error if this process may not become that user: the files are unread then.
std::vector<std::string> faults_for_service(const std::filesystem::path& cache,
                                            const std::filesystem::path& credentials,
                                            const std::vector<std::function<void()>>& reads);

}  // namespace entrepot::app
