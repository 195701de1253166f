// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "conf/json.h"
#include "conf/problems.h"

namespace entrepot::conf {

/// Applies one `-s key=value` to a document (the rules: conf/load.h). Says what is wrong with the
/// key itself; whether it exists and takes such a value is found when the document is read.
void apply_override(std::string_view assignment, Json& document, Problems& problems);

}  // namespace entrepot::conf
