// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/completion/scripts.h"

namespace entrepot::app {
namespace {

/// The branches for options whose value is one of some words.
std::string bash_values(const CommandTree& tree) {
  std::string branches;
  for_each_command(tree, [&](const CommandTree& command) {
    for (const auto& option : command.options)
      if (option.value.kind == ValueKind::words)
        for (const auto& name : option.names)
          branches += "    '" + command.place + "|" + name + "') words='" +
                      spaced(option.value.words) + "' ;;\n";
  });
  return branches;
}

/// The branch for the options at `patterns`; empty if there are none.
std::string bash_branch(const std::string& patterns, const std::string& action) {
  return patterns.empty() ? "" : "    " + patterns + ")\n      " + action + "\n      return ;;\n";
}

std::string file_names(const std::string& option) {
  return "compopt -o filenames 2> /dev/null\n      mapfile -t COMPREPLY < <(compgen " + option +
         " -- \"$current\")";
}

/// The words that may stand at each place.
std::string bash_places(const CommandTree& tree) {
  std::string branches;
  for_each_command(tree, [&](const CommandTree& command) {
    auto words = argument_words(command);
    for (const auto& below : command.commands) words.push_back(below.name());
    for (const auto& option : command.options)
      words.insert(words.end(), option.names.begin(), option.names.end());
    branches += "        '" + command.place + "') words='" + spaced(words) + "' ;;\n";
  });
  return branches;
}

}  // namespace

std::string bash_script(const CommandTree& tree) {
  return R"(# Completion of entrepot for bash; made by `entrepot completion bash`.
_entrepot() {
  local current=${COMP_WORDS[COMP_CWORD]} place= words= word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case "$place|$word" in
      )" +
         command_patterns(tree, "|") +
         R"()
        place=${place:+$place }$word ;;
      )" +
         valued_patterns(tree, "|") +
         R"()
        ((i++)) ;;
    esac
  done
  case "$place|${COMP_WORDS[COMP_CWORD - 1]}" in
)" + bash_values(tree) +
         bash_branch(option_patterns(tree, ValueKind::file, "|"), file_names("-f")) +
         bash_branch(option_patterns(tree, ValueKind::directory, "|"), file_names("-d")) +
         bash_branch(option_patterns(tree, ValueKind::text, "|"), "COMPREPLY=()") +
         R"(    *)
      case "$place" in
)" + bash_places(tree) +
         R"(      esac ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _entrepot entrepot
)";
}

}  // namespace entrepot::app
