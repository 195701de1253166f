// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/unknown_word.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>

#include "metrics/printable.h"

namespace entrepot::app {
namespace {

/// The slips of the finger between two words (Damerau and Levenshtein, optimal string alignment).
std::size_t slips_between(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> slips(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) slips[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) slips[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t wrong = a[i - 1] == b[j - 1] ? 0 : 1;
      slips[i][j] =
          std::min({slips[i - 1][j] + 1, slips[i][j - 1] + 1, slips[i - 1][j - 1] + wrong});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        slips[i][j] = std::min(slips[i][j], slips[i - 2][j - 2] + 1);
    }
  }
  return slips[a.size()][b.size()];
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string> names_of_commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : commands_of(app)) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> names_of_options(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

const CLI::App* command_named(const CLI::App& app, const std::string& name) {
  const auto commands = commands_of(app);
  const auto found = std::find_if(commands.begin(), commands.end(),
                                  [&](const auto* command) { return command->get_name() == name; });
  return found == commands.end() ? nullptr : *found;
}

/// `kind`: "command" or "option".
std::string unknown(const CLI::App& app, const char* kind, const std::string& word,
                    const std::vector<std::string>& known) {
  const CLI::App* parent = app.get_parent();
  std::string where = parent == nullptr ? "" : app.get_name();
  if (parent != nullptr && parent->get_parent() != nullptr)
    where = parent->get_name() + " " + where;
  std::string text = "entrepot" + (where.empty() ? "" : " " + where) + " has no " + kind + " \"" +
                     printable(word) + "\"";
  if (const auto meant = nearest(word, known); !meant.empty())
    text.append("; did you mean ").append(meant).append("?");
  return text + "\n`entrepot help" + (where.empty() ? "" : " " + where) + "` lists all.\n";
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t most_slips = 2;
  std::string_view best;
  std::size_t fewest = most_slips + 1;
  for (const std::string& one : known) {
    const bool begun = word.size() > 1 && one.starts_with(word) && word != "--";
    const std::size_t slips = begun ? 0 : slips_between(word, one);
    if (slips >= fewest || 2 * slips >= one.size()) continue;
    fewest = slips;
    best = one;
  }
  return best;
}

std::optional<std::string> fault_of_words(const CLI::App& app,
                                          const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const std::string name = words[i].substr(0, words[i].find('='));
    if (name.size() > 1 && name.front() == '-') {
      const CLI::Option* option = command->get_option_no_throw(name);
      if (option == nullptr && name.starts_with("--"))
        return unknown(*command, "option", name, names_of_options(*command));
      // The next word is its value.
      if (option != nullptr && name == words[i] && option->get_expected_max() > 0) ++i;
      continue;
    }
    if (commands_of(*command).empty()) continue;  // an argument
    const CLI::App* next = command_named(*command, name);
    if (next == nullptr) return unknown(*command, "command", name, names_of_commands(*command));
    command = next;
  }
  return std::nullopt;
}

}  // namespace entrepot::app
