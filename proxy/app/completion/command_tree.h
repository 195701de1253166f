// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace entrepot::app {

/// The kind of the value of an option or of an argument, for a shell that completes it.
enum class ValueKind : std::uint8_t {
  none,       ///< a flag
  words,      ///< one of CommandTree::Value::words
  file,       ///< the name of a file
  directory,  ///< the name of a directory
  text,       ///< anything else: nothing is offered
};

/// The commands and options of a command line, as its parser knows them. A plain value.
struct CommandTree {
  struct Value {
    ValueKind kind = ValueKind::none;
    std::vector<std::string> words = {};
  };
  struct Option {
    std::vector<std::string> names;  ///< "--config", "-c"
    std::string help;                ///< one line
    Value value;
  };

  std::string place;  ///< the words from the program on: "" or "cache ls"
  std::string help;   ///< one line
  std::vector<Option> options = {};
  std::vector<Value> arguments = {};  ///< those without a name, in their order
  std::vector<CommandTree> commands = {};

  /// The last word of `place`.
  std::string name() const { return place.substr(place.rfind(' ') + 1); }
};

/// Reads a parser that has been set up. Values that are one of some words are those of options with
/// one_of(); the others are told by their type names, FILE and DIR.
CommandTree command_tree(CLI::App& app);

/// Accepts these words only. command_tree() finds them again.
CLI::Validator one_of(const std::vector<std::string>& words);

}  // namespace entrepot::app
