// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/completion/command_tree.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

namespace entrepot::app {
namespace {

// The words of one_of() are in the name of its validator, which nobody else reads.
constexpr const char* mark = "one of: ";

std::vector<std::string> words_of(CLI::Option& option) {
  for (int i = 0;; ++i) {
    const CLI::Validator* validator = nullptr;
    try {
      validator = option.get_validator(i);
    } catch (const CLI::OptionNotFound&) {
      return {};
    }
    const std::string& name = validator->get_name();
    if (!name.starts_with(mark)) continue;
    std::istringstream in(name.substr(std::string(mark).size()));
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
  }
}

CommandTree::Value value_of(CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return {ValueKind::none};
  if (auto words = words_of(option); !words.empty()) return {ValueKind::words, std::move(words)};
  const std::string type = option.get_type_name();
  if (type == "FILE") return {ValueKind::file};
  if (type == "DIR") return {ValueKind::directory};
  return {ValueKind::text};
}

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  return names;
}

CommandTree tree_of(CLI::App& app, const std::string& place) {
  CommandTree tree{.place = place, .help = app.get_description()};
  for (CLI::Option* option : app.get_options()) {
    auto names = names_of(*option);
    if (names.empty())
      tree.arguments.push_back(value_of(*option));
    else
      tree.options.push_back({std::move(names), option->get_description(), value_of(*option)});
  }
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; }))
    tree.commands.push_back(
        tree_of(*command, place.empty() ? command->get_name() : place + " " + command->get_name()));
  return tree;
}

}  // namespace

CommandTree command_tree(CLI::App& app) { return tree_of(app, ""); }

CLI::Validator one_of(const std::vector<std::string>& words) {
  std::string name = mark, listed;
  for (const auto& word : words) {
    name += word + " ";
    listed += (listed.empty() ? "" : ", ") + word;
  }
  return CLI::Validator(
      [words, listed](const std::string& word) -> std::string {
        if (std::find(words.begin(), words.end(), word) != words.end()) return {};
        return word + " not in {" + listed + "}";
      },
      "", name);
}

}  // namespace entrepot::app
