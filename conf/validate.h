// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"
#include "conf/problems.h"

namespace entrepot::conf {

/// Checks what depends on more than one key and on files, and fills in what follows from it: the
/// cache directory of this user, passwords, `default_upstream` by its proper name.
void validate(Config& config, Problems& problems);

}  // namespace entrepot::conf
