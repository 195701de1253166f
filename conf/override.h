// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "conf/json/json.h"
#include "conf/json/problems.h"

namespace entrepot::conf {

/// Applies one `-s key=value` to a document (the rules: conf/load.h). Reports faults of the syntax
/// of the key. Unknown keys and invalid values are reported when the document is decoded.
void apply_override(std::string_view assignment, Json& document, Problems& problems);

}  // namespace entrepot::conf
