// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/json/problems.h"

namespace entrepot::conf {

/// A text to add to a list.
struct ListEntry {
  std::string key;  ///< of the list, in the outermost object
  std::string text;
};

/// Adds texts to the front of lists in a JSON object of another program. Preserves all other keys,
/// their order and the indentation. Does not add a text that the list already contains, ignoring a
/// trailing '/'. Returns `text` itself if nothing was added; an empty text is treated as an empty
/// object.
///
/// Returns nullopt, and adds the fault with line and column or key to `problems`, if `text` is not
/// strict JSON (without comments), contains duplicate keys, or has a key without a list of texts.
std::optional<std::string> add_to_lists(std::string_view text,
                                        const std::vector<ListEntry>& entries, Problems& problems);

}  // namespace entrepot::conf
