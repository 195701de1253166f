// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace entrepot {

/// Overwrites a password or token in memory, including its unused capacity, and clears it. Any
/// thread.
void wipe(std::string& secret);

}  // namespace entrepot
