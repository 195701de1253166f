// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"
#include "conf/json.h"
#include "conf/problems.h"

namespace entrepot::conf {

/// Reads a document into a configuration: keys, types, units and the form of each value.
/// What depends on more than one key, or on files: conf/validate.h.
Config decode(const Json& document, Problems& problems);

}  // namespace entrepot::conf
