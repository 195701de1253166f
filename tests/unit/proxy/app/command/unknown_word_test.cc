// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/unknown_word.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>

#include "proxy/app/command/command_line.h"

namespace entrepot::app {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The fault of a command line.
std::string fault(std::initializer_list<const char*> arguments) {
  std::vector<const char*> argv = {"entrepot"};
  argv.insert(argv.end(), arguments);
  const auto parsed = parse_command_line(static_cast<int>(argv.size()), argv.data());
  const auto* farewell = std::get_if<Farewell>(&parsed);
  if (farewell == nullptr) return "none";
  EXPECT_EQ(farewell->exit_code, 64) << farewell->text;
  return farewell->text;
}

TEST(Nearest, IsTheWordWithTheFewestSlips) {
  const std::vector<std::string> known = {"serve", "check", "cache", "client-config", "ls", "rm"};
  for (const auto& [word, meant] : std::vector<std::pair<const char*, const char*>>{
           {"chek", "check"},            // missing
           {"servee", "serve"},          // added
           {"cacke", "cache"},           // wrong
           {"srevice", ""},              // three slips
           {"sreve", "serve"},           // changed places
           {"client", "client-config"},  // the beginning
           {"cl", "client-config"},
           {"sl", ""},  // half of "ls"
           {"x", ""},
           {"", ""},
           {"frobnicate", ""}})
    EXPECT_EQ(nearest(word, known), meant) << word;
}

TEST(UnknownWord, NamesTheCommand) {
  EXPECT_EQ(fault({"chek"}),
            "entrepot has no command \"chek\"; did you mean check?\n`entrepot help` lists all.\n");
  EXPECT_EQ(fault({"cache", "stat"}),
            "entrepot cache has no command \"stat\"; did you mean stats?\n"
            "`entrepot help cache` lists all.\n");
  EXPECT_EQ(fault({"frobnicate", "-c", "f"}),
            "entrepot has no command \"frobnicate\"\n`entrepot help` lists all.\n");
  EXPECT_THAT(fault({"a\x1b[31m"}), HasSubstr("\"a\\x1b[31m\""));
}

TEST(UnknownWord, NamesTheOption) {
  EXPECT_EQ(fault({"serve", "--confg", "x"}),
            "entrepot serve has no option \"--confg\"; did you mean --config?\n"
            "`entrepot help serve` lists all.\n");
  EXPECT_THAT(fault({"cache", "ls", "--sorted=age"}),
              StartsWith("entrepot cache ls has no option \"--sorted\"; did you mean --sort?\n"
                         "`entrepot help cache ls`"));
  EXPECT_THAT(fault({"--verbose", "serve"}), StartsWith("entrepot has no option \"--verbose\"\n"));
}

TEST(UnknownWord, ValuesAndArgumentsAreNoWords) {
  EXPECT_THAT(fault({"cache", "ls", "--sort", "chek"}), Not(HasSubstr("has no")));
  EXPECT_THAT(fault({"cache", "rm", "chek", "more"}), Not(HasSubstr("has no")));
  EXPECT_THAT(fault({"cache"}), HasSubstr("subcommand is required"));
}

TEST(UnknownWord, WithoutAnyWordThereIsTheHelp) {
  EXPECT_THAT(fault({}), HasSubstr("client-config"));
}

TEST(Help, IsThatOfTheCommand) {
  const auto help = [](std::initializer_list<const char*> arguments) {
    std::vector<const char*> argv = {"entrepot", "help"};
    argv.insert(argv.end(), arguments);
    const auto parsed = parse_command_line(static_cast<int>(argv.size()), argv.data());
    const auto& farewell = std::get<Farewell>(parsed);
    EXPECT_EQ(farewell.exit_code, 0) << farewell.text;
    return farewell.text;
  };
  EXPECT_THAT(help({}), HasSubstr("client-config"));
  EXPECT_THAT(help({"serve"}), HasSubstr("--replace"));
  EXPECT_THAT(help({"cache", "ls"}),
              AllOf(HasSubstr("Usage: entrepot cache ls"), HasSubstr("--sort")));
  EXPECT_THAT(fault({"help", "chek"}), HasSubstr("did you mean check?"));
}

}  // namespace
}  // namespace entrepot::app
