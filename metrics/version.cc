// SPDX-License-Identifier: Apache-2.0
#include "metrics/version.h"

#include "entrepot_commit.h"  // written by cmake/write_commit.cmake

namespace entrepot {

std::string_view version() { return ENTREPOT_VERSION; }
std::string_view commit() { return ENTREPOT_COMMIT_TEXT; }

}  // namespace entrepot
