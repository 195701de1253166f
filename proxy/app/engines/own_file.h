// SPDX-License-Identifier: Apache-2.0
// Files of engines that have no folder for additions, and whose format this program does not merge.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "proxy/app/engines/engine_setup.h"

namespace entrepot::app {

/// First line of a file that this program has written and replaces.
inline constexpr std::string_view own_file_marker =
    "# Written by entrepot client-config, which replaces it (and keeps a backup).\n";

/// The merge of a file that consists of own_file_marker and `lines`: a file that begins with the
/// marker is replaced; another one is left as it is if it contains `mirror`, and refused with the
/// lines to add if it does not.
inline std::function<Merged(std::string_view)> own_file_merge(std::string lines,
                                                              std::string mirror) {
  return
      [lines = std::move(lines), mirror = std::move(mirror)](std::string_view existing) -> Merged {
        const std::string content = std::string(own_file_marker) + lines;
        if (existing == content) return {Merged::Outcome::unchanged, {}};
        if (existing.starts_with(own_file_marker)) return {Merged::Outcome::changed, content};
        if (existing.find(mirror) != std::string_view::npos)
          return {Merged::Outcome::unchanged, {}};
        return {Merged::Outcome::refused,
                "has settings of its own and is left as it is. Add to it:\n" + lines};
      };
}

}  // namespace entrepot::app
