// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/completion/scripts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace entrepot::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A command line with an option of each kind.
struct Example {
  Example() {
    app.set_version_flag("-V,--version", "1");
    auto* show = app.add_subcommand("show", "Show it; it's \"quick\"");
    show->require_subcommand(1);
    auto* all = show->add_subcommand("all", "All of it");
    all->add_option("-c,--config", text, "A file")->type_name("FILE");
    all->add_option("--root", text, "A folder")->type_name("DIR");
    all->add_option("--sort", text, "The order")->check(one_of({"size", "age"}));
    all->add_option("--user", text, "A name")->type_name("NAME");
    all->add_flag("--json", flag, "Print JSON");
    all->add_option("WHAT", text, "Which")->type_name("")->check(one_of({"blobs", "tags"}));
  }
  CLI::App app{"Example", "example"};
  std::string text;
  bool flag = false;
};

TEST(CommandTree, HasEveryCommandAndOption) {
  Example example;
  const auto tree = command_tree(example.app);
  EXPECT_EQ(tree.place, "");
  ASSERT_EQ(tree.commands.size(), 1U);
  const auto& show = tree.commands[0];
  EXPECT_EQ(show.name(), "show");
  ASSERT_EQ(show.commands.size(), 1U);
  const auto& all = show.commands[0];
  EXPECT_EQ(all.place, "show all");
  EXPECT_EQ(all.name(), "all");
  std::vector<ValueKind> kinds;
  for (const auto& option : all.options) kinds.push_back(option.value.kind);
  EXPECT_THAT(kinds, ElementsAre(ValueKind::none, ValueKind::file, ValueKind::directory,
                                 ValueKind::words, ValueKind::text, ValueKind::none));
  EXPECT_THAT(all.options[1].names, ElementsAre("--config", "-c"));
  EXPECT_THAT(all.options[3].value.words, ElementsAre("size", "age"));
  EXPECT_THAT(argument_words(all), ElementsAre("blobs", "tags"));
  EXPECT_THAT(argument_words(show), IsEmpty());
}

TEST(CommandTree, OneOfRefusesOtherWords) {
  Example example;
  example.app.parse("show all --sort age tags");
  try {
    example.app.parse("show all --sort color");
    FAIL();
  } catch (const CLI::ParseError& error) {
    EXPECT_THAT(error.what(), HasSubstr("color not in {size, age}"));
  }
}

TEST(CompletionScripts, QuoteTheHelp) {
  Example example;
  const auto tree = command_tree(example.app);
  EXPECT_THAT(completion_script(tree, Shell::zsh), HasSubstr(R"('show:Show it; it'\''s "quick"')"));
  EXPECT_THAT(completion_script(tree, Shell::fish), HasSubstr(R"(-d 'Show it; it\'s "quick"')"));
}

TEST(CompletionScripts, KnowTheKindsOfValues) {
  Example example;
  const auto tree = command_tree(example.app);
  const auto bash = completion_script(tree, Shell::bash);
  EXPECT_THAT(bash, HasSubstr("'show all|--sort') words='size age' ;;"));
  EXPECT_THAT(bash, HasSubstr("'show all|--config'|'show all|-c')\n      compopt"));
  EXPECT_THAT(bash, HasSubstr("'show all|--user')\n      COMPREPLY=()"));
  const auto zsh = completion_script(tree, Shell::zsh);
  EXPECT_THAT(zsh, HasSubstr("('show all|--sort') compadd -- size age; return ;;"));
  EXPECT_THAT(zsh, HasSubstr("('show all|--root') _files -/; return ;;"));
  const auto fish = completion_script(tree, Shell::fish);
  EXPECT_THAT(fish, HasSubstr(R"(-n '__entrepot_at \'show all\'' -l sort -x -a 'size age')"));
  EXPECT_THAT(fish, HasSubstr(R"(-l config -s c -r -F -d 'A file')"));
}

}  // namespace
}  // namespace entrepot::app
