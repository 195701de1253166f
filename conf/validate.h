// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"
#include "conf/json/problems.h"

namespace entrepot::conf {

/// Validates everything that depends on several keys or on files, and derives the remaining values:
/// the cache directory of this user, passwords, and the canonical name of `default_upstream`.
void validate(Config& config, Problems& problems);

}  // namespace entrepot::conf
