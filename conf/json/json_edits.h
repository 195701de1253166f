// SPDX-License-Identifier: Apache-2.0
// Changes of single values in JSON files of other programs. They preserve all other keys, their
// order and the indentation.
//
// Each function returns nullopt, and adds the fault with line and column or key to `problems`, if
// `text` is not strict JSON (without comments), contains duplicate keys, or has another kind of
// value where the list or the object is expected. An empty text is treated as an empty object.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/json/problems.h"

namespace entrepot::conf {

/// A text in a list.
struct ListEntry {
  std::string key;  ///< of the list, in the outermost object
  std::string text;
};

/// Adds texts to the front of lists. Does not add a text that the list already contains, ignoring a
/// trailing '/'. Returns `text` itself if nothing was added.
std::optional<std::string> add_to_lists(std::string_view text,
                                        const std::vector<ListEntry>& entries, Problems& problems);

/// Removes texts from lists, ignoring a trailing '/', and a list that becomes empty. Returns `text`
/// itself if nothing was removed.
std::optional<std::string> remove_from_lists(std::string_view text,
                                             const std::vector<ListEntry>& entries,
                                             Problems& problems);

/// A member of an object in the outermost object.
struct Member {
  std::string key;   ///< of the object
  std::string name;  ///< of the member
};

/// The value of the member as JSON on one line; empty if there is none.
std::optional<std::string> member_value(std::string_view text, const Member& member,
                                        Problems& problems);

/// Adds the member, or replaces its value. Returns `text` itself if it has this value.
/// REQUIRES: `value` is JSON.
std::optional<std::string> set_member(std::string_view text, const Member& member,
                                      std::string_view value, Problems& problems);

/// Removes the member, and an object that becomes empty. Returns `text` itself if there is none.
std::optional<std::string> remove_member(std::string_view text, const Member& member,
                                         Problems& problems);

/// True for an object without a key.
bool is_empty_object(std::string_view text);

}  // namespace entrepot::conf
