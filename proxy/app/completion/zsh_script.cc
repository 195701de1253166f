// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/completion/scripts.h"

namespace entrepot::app {
namespace {

/// 'NAME:HELP' as one word of zsh.
std::string zsh_described(const std::string& name, const std::string& help) {
  std::string word = "'" + name + ":";
  for (const char c : help) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string zsh_values(const CommandTree& tree) {
  std::string branches;
  for_each_command(tree, [&](const CommandTree& command) {
    for (const auto& option : command.options)
      if (option.value.kind == ValueKind::words)
        for (const auto& name : option.names)
          branches += "    ('" + command.place + "|" + name + "') compadd -- " +
                      spaced(option.value.words) + "; return ;;\n";
  });
  return branches;
}

std::string zsh_branch(const std::string& patterns, const std::string& action) {
  return patterns.empty() ? "" : "    (" + patterns + ") " + action + "return ;;\n";
}

std::string zsh_places(const CommandTree& tree) {
  std::string branches;
  for_each_command(tree, [&](const CommandTree& command) {
    branches += "    ('" + command.place + "')\n";
    for (const auto& below : command.commands)
      branches += "      commands+=(" + zsh_described(below.name(), below.help) + ")\n";
    for (const auto& word : argument_words(command)) branches += "      values+=(" + word + ")\n";
    for (const auto& option : command.options)
      for (const auto& name : option.names)
        branches += "      options+=(" + zsh_described(name, option.help) + ")\n";
    branches += "      ;;\n";
  });
  return branches;
}

}  // namespace

std::string zsh_script(const CommandTree& tree) {
  return R"(#compdef entrepot
# Completion of entrepot for zsh; made by `entrepot completion zsh`.
_entrepot() {
  local place= word i
  local -a commands values options
  for ((i = 2; i < CURRENT; i++)); do
    word=${words[i]}
    case "$place|$word" in
      ()" +
         command_patterns(tree, "|") +
         R"()
        place=${place:+$place }$word ;;
      ()" +
         valued_patterns(tree, "|") +
         R"()
        ((i++)) ;;
    esac
  done
  case "$place|${words[CURRENT - 1]}" in
)" + zsh_values(tree) +
         zsh_branch(option_patterns(tree, ValueKind::file, "|"), "_files; ") +
         zsh_branch(option_patterns(tree, ValueKind::directory, "|"), "_files -/; ") +
         zsh_branch(option_patterns(tree, ValueKind::text, "|"), "") +
         R"(  esac
  case "$place" in
)" + zsh_places(tree) +
         R"(  esac
  (( $#commands )) && _describe -t commands command commands
  (( $#values )) && compadd -- $values
  _describe -o -t options option options
}
_entrepot "$@"
)";
}

}  // namespace entrepot::app
