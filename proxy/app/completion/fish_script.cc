// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/completion/scripts.h"

namespace entrepot::app {
namespace {

/// One word of fish.
std::string fish_quoted(const std::string& text) {
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') word += '\\';
    word += c;
  }
  return word + "'";
}

std::string fish_value(const CommandTree::Value& value) {
  switch (value.kind) {
    case ValueKind::none:
      return "";
    case ValueKind::words:
      return " -x -a " + fish_quoted(spaced(value.words));
    case ValueKind::file:
      return " -r -F";
    case ValueKind::directory:
      return " -x -a '(__fish_complete_directories)'";
    case ValueKind::text:
      break;
  }
  return " -x";
}

std::string fish_option(const std::string& start, const CommandTree::Option& option) {
  std::string line = start;
  for (const auto& name : option.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  return line + fish_value(option.value) + " -d " + fish_quoted(option.help) + "\n";
}

std::string fish_places(const CommandTree& tree) {
  std::string lines;
  for_each_command(tree, [&](const CommandTree& command) {
    const std::string start =
        "complete -c entrepot -n " + fish_quoted("__entrepot_at " + fish_quoted(command.place));
    for (const auto& below : command.commands)
      lines += start + " -a " + below.name() + " -d " + fish_quoted(below.help) + "\n";
    if (const auto words = argument_words(command); !words.empty())
      lines += start + " -a " + fish_quoted(spaced(words)) + "\n";
    for (const auto& option : command.options) lines += fish_option(start, option);
  });
  return lines;
}

}  // namespace

std::string fish_script(const CommandTree& tree) {
  return R"(# Completion of entrepot for fish; made by `entrepot completion fish`.
function __entrepot_at
  set -l place ''
  set -l is_value 0
  set -l before (commandline -opc)
  set -e before[1]
  for word in $before
    if test $is_value -eq 1
      set is_value 0
      continue
    end
    switch "$place|$word"
      case )" +
         command_patterns(tree, " ") +
         R"(
        set place (string trim "$place $word")
      case )" +
         valued_patterns(tree, " ") +
         R"(
        set is_value 1
    end
  end
  test "$place" = "$argv[1]"
end
complete -c entrepot -f
)" + fish_places(tree);
}

}  // namespace entrepot::app
