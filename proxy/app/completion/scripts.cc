// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/completion/scripts.h"

namespace entrepot::app {
namespace {

void add_pattern(std::string& patterns, std::string_view place, std::string_view word,
                 std::string_view between) {
  if (!patterns.empty()) patterns.append(between);
  patterns.append("'").append(place).append("|").append(word).append("'");
}

template <typename Wanted>
std::string patterns_of_options(const CommandTree& tree, std::string_view between, Wanted wanted) {
  std::string patterns;
  for_each_command(tree, [&](const CommandTree& command) {
    for (const auto& option : command.options)
      if (wanted(option.value.kind))
        for (const auto& name : option.names) add_pattern(patterns, command.place, name, between);
  });
  return patterns;
}

}  // namespace

std::string completion_script(const CommandTree& tree, Shell shell) {
  switch (shell) {
    case Shell::bash:
      return bash_script(tree);
    case Shell::zsh:
      return zsh_script(tree);
    case Shell::fish:
      return fish_script(tree);
  }
  return {};
}

void for_each_command(const CommandTree& tree,
                      const std::function<void(const CommandTree&)>& visit) {
  visit(tree);
  for (const auto& command : tree.commands) for_each_command(command, visit);
}

std::string command_patterns(const CommandTree& tree, std::string_view between) {
  std::string patterns;
  for_each_command(tree, [&](const CommandTree& command) {
    for (const auto& below : command.commands)
      add_pattern(patterns, command.place, below.name(), between);
  });
  return patterns;
}

std::string option_patterns(const CommandTree& tree, ValueKind kind, std::string_view between) {
  return patterns_of_options(tree, between, [kind](ValueKind one) { return one == kind; });
}

std::string valued_patterns(const CommandTree& tree, std::string_view between) {
  return patterns_of_options(tree, between, [](ValueKind one) { return one != ValueKind::none; });
}

std::string spaced(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

std::vector<std::string> argument_words(const CommandTree& command) {
  std::vector<std::string> words;
  for (const auto& argument : command.arguments)
    words.insert(words.end(), argument.words.begin(), argument.words.end());
  return words;
}

}  // namespace entrepot::app
