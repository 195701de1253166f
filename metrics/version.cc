// SPDX-License-Identifier: Apache-2.0
#include "metrics/version.h"

namespace entrepot {

std::string_view version() { return ENTREPOT_VERSION; }

std::string version_text() {
  return "entrepot " + std::string(version()) + " (commit " + std::string(commit()) + ")";
}

}  // namespace entrepot
