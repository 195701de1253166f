// SPDX-License-Identifier: Apache-2.0
// Files of engines that have no folder for additions, and whose format this program does not merge.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/app/engines/setup/engine_setup.h"

namespace entrepot::app {

/// First line of a file that this program has written and replaces.
inline constexpr std::string_view own_file_marker =
    "# Written by entrepot client-config, which replaces it (and keeps a backup).\n";

/// The merge of a file that consists of own_file_marker and `lines`: a file that is ours, or begins
/// with the marker, is replaced; another one is left as it is if each of `names` stands in it
/// outside of comments, and refused with the lines to add if not.
std::function<Merged(std::string_view, bool)> own_file_merge(std::string lines,
                                                             std::vector<std::string> names);

}  // namespace entrepot::app
