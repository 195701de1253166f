// SPDX-License-Identifier: Apache-2.0
// The words of a command line that no command knows, and the ones that were probably meant. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace entrepot::app {

/// The one of `known` that `word` was probably meant to be: it begins with `word`, or differs by
/// two slips of the finger at most (a character that is missing, added, wrong, or has changed
/// places with its neighbour), and by fewer than half of its characters. Empty: none is.
std::string_view nearest(std::string_view word, const std::vector<std::string>& known);

/// A sentence about the first of `words` that is no command and no option where it stands, with
/// nearest() of those that are; nullopt if there is none. `app` has been set up; `words` are those
/// behind the name of the program.
std::optional<std::string> fault_of_words(const CLI::App& app,
                                          const std::vector<std::string>& words);

}  // namespace entrepot::app
