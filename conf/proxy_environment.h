// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "conf/config.h"
#include "conf/json/problems.h"

namespace entrepot::conf {

/// Fills in `proxy` from the environment of the process, as libcurl and most programs read it:
/// https_proxy or HTTPS_PROXY, else all_proxy or ALL_PROXY, for https; http_proxy in lower case
/// only, else all_proxy or ALL_PROXY, for plain http; no_proxy or NO_PROXY adds exceptions. A user
/// in a URL becomes the account at that proxy unless it has one. Problems are reported at `path`;
/// none repeats a URL, which may have a password. Reads the environment, which nothing here
/// changes.
void add_environment(OutgoingProxy& proxy, const std::string& path, Problems& problems);

}  // namespace entrepot::conf
