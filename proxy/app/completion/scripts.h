// SPDX-License-Identifier: Apache-2.0
// The scripts with which shells complete the command line. Made from what the parser knows, so that
// they cannot differ from it. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/word_table.h"
#include "proxy/app/completion/command_tree.h"

namespace entrepot::app {

enum class Shell : std::uint8_t { bash, zsh, fish };

/// REQUIRES: the words of the tree have no quotes, blanks or characters that a shell expands; help
/// may have any.
std::string completion_script(const CommandTree& tree, Shell shell);

// One for each shell.
std::string bash_script(const CommandTree& tree);
std::string zsh_script(const CommandTree& tree);
std::string fish_script(const CommandTree& tree);

// Parts of all scripts.

/// `visit` gets `tree`, and then the commands below it.
void for_each_command(const CommandTree& tree,
                      const std::function<void(const CommandTree&)>& visit);
/// The words 'PLACE|WORD' by which a script knows that WORD at PLACE is a command; quoted, and
/// joined with `between`.
std::string command_patterns(const CommandTree& tree, std::string_view between);
/// The same for options whose value is of this kind.
std::string option_patterns(const CommandTree& tree, ValueKind kind, std::string_view between);
/// For all options that have a value.
std::string valued_patterns(const CommandTree& tree, std::string_view between);
/// "a b c"
std::string spaced(const std::vector<std::string>& words);
/// The words that the arguments of a command may be.
std::vector<std::string> argument_words(const CommandTree& command);

}  // namespace entrepot::app

namespace entrepot::metrics {

template <>
inline constexpr auto words<app::Shell> = make_words<app::Shell>({
    {app::Shell::bash, "bash"},
    {app::Shell::zsh, "zsh"},
    {app::Shell::fish, "fish"},
});

}  // namespace entrepot::metrics
