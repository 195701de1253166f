// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace entrepot {

/// The version of the program, "0.1.0": project() in CMakeLists.txt. Any thread.
std::string_view version();

/// The commit that the program was built from: 12 hexadecimal digits, followed by "-dirty" if
/// tracked files had changed; "unknown" for a build outside a clone that did not set the CMake
/// variable ENTREPOT_COMMIT. Any thread.
std::string_view commit();

/// The line of `entrepot version`, without its end. Any thread.
std::string version_text();

}  // namespace entrepot
