// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"
#include "conf/json/json.h"
#include "conf/json/problems.h"

namespace entrepot::conf {

/// Reads a document into a configuration: keys, types, units and the grammar of each value.
/// conf/validate.h checks everything that depends on several keys or on files.
Config decode(const Json& document, Problems& problems);

}  // namespace entrepot::conf
