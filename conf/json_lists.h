// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/problems.h"

namespace entrepot::conf {

/// A text that a list is to hold.
struct ListEntry {
  std::string key;  ///< of the list, in the outermost object
  std::string text;
};

/// A JSON object of somebody else's, with texts put at the front of lists in it. Every other key
/// stays, in its order; so does the indentation. What a list holds already, but for a '/' at its
/// end, is not added. The text itself comes back where there is nothing to add; an empty one counts
/// as an empty object.
///
/// nullopt, and what is wrong with line and column or key, for what is not such JSON to the letter
/// (comments are not), holds a key twice, or has no list of texts under a key: nothing is guessed.
std::optional<std::string> add_to_lists(std::string_view text,
                                        const std::vector<ListEntry>& entries, Problems& problems);

}  // namespace entrepot::conf
