// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>

namespace entrepot::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::variant<Command, Farewell> parse(std::initializer_list<const char*> arguments) {
  std::vector<const char*> argv = {"entrepot"};
  argv.insert(argv.end(), arguments);
  return parse_command_line(static_cast<int>(argv.size()), argv.data());
}

Command command(std::initializer_list<const char*> arguments) {
  return std::get<Command>(parse(arguments));
}

Farewell farewell(std::initializer_list<const char*> arguments) {
  return std::get<Farewell>(parse(arguments));
}

TEST(CommandLine, Serve) {
  const auto plain = command({"serve"});
  EXPECT_EQ(plain.action, Action::serve);
  EXPECT_EQ(plain.config, std::nullopt);
  EXPECT_THAT(plain.overrides, IsEmpty());

  const auto full = command({"serve", "--config", "/etc/e.json", "-s", "a=1", "--set", "b=2"});
  EXPECT_EQ(full.config, "/etc/e.json");
  EXPECT_THAT(full.overrides, ElementsAre("a=1", "b=2"));
}

TEST(CommandLine, OverridesAreTakenAsTheyAre) {
  EXPECT_THAT(
      command({"serve", "-s", R"(listen=[{"address":"[::]:5000"}])", "-s", "a=b,c d"}).overrides,
      ElementsAre(R"(listen=[{"address":"[::]:5000"}])", "a=b,c d"));
}

TEST(CommandLine, Check) {
  const auto check = command({"check", "--config", "e.json", "-s", "a=1"});
  EXPECT_EQ(check.action, Action::check);
  EXPECT_EQ(check.config, "e.json");
  EXPECT_THAT(check.overrides, ElementsAre("a=1"));
}

TEST(CommandLine, Version) { EXPECT_EQ(command({"version"}).action, Action::version); }

TEST(CommandLine, Health) {
  EXPECT_EQ(command({"health"}).action, Action::health);
  EXPECT_EQ(command({"health"}).address, "127.0.0.1:5080");
  EXPECT_EQ(command({"health", "--address", "[::1]:1"}).address, "[::1]:1");
  EXPECT_EQ(command({"health", "-a", "unix:/run/a"}).address, "unix:/run/a");
  const auto login = command({"health", "--user", "a", "--token-file", "b", "--ca", "c"});
  EXPECT_EQ(login.admin_access.user, "a");
  EXPECT_EQ(login.admin_access.token_file, "b");
  EXPECT_EQ(login.admin_access.ca, "c");
  EXPECT_EQ(command({"cache", "ls", "--token-file", "b"}).admin_access.token_file, "b");
}

TEST(CommandLine, Status) {
  const auto plain = command({"status", "--config", "e.json"});
  EXPECT_EQ(plain.action, Action::status);
  EXPECT_EQ(plain.address, "") << "of the configuration";
  EXPECT_EQ(plain.config, "e.json");
  EXPECT_FALSE(plain.json);
  const auto full = command({"status", "-a", "https://a:1", "--json", "--token-file", "t"});
  EXPECT_EQ(full.address, "https://a:1");
  EXPECT_TRUE(full.json);
  EXPECT_EQ(full.admin_access.token_file, "t");
}

TEST(CommandLine, Images) {
  const auto all = command({"images", "--json"});
  EXPECT_EQ(all.action, Action::cache);
  EXPECT_EQ(all.cache_action, CacheAction::images);
  EXPECT_EQ(all.argument, "");
  EXPECT_TRUE(all.json);
  EXPECT_EQ(command({"images", "alpine:3*", "-s", "a=1"}).argument, "alpine:3*");
  for (const char* bad : {"a b", "a?b", "a&limit=1", "a#", "\xc3\xa4", "a%20", "a\x7f"})
    EXPECT_EQ(farewell({"images", bad}).exit_code, 64) << bad;
  EXPECT_EQ(farewell({"images", "a", "b"}).exit_code, 64);
}

TEST(CommandLine, HelpWithoutAWordIsThatOfAllCommands) {
  EXPECT_EQ(farewell({"help"}).text, farewell({"--help"}).text);
  EXPECT_THAT(farewell({"help"}).text, HasSubstr("client-config"));
  EXPECT_THAT(farewell({"help", "cache"}).text, HasSubstr("Usage: entrepot cache"));
}

/// Each command and option that the help tells has its place in the scripts.
TEST(CommandLine, CompletionKnowsTheWholeHelp) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = farewell({"completion", shell});
    EXPECT_EQ(script.exit_code, 0);
    for (const char* word : {"'cache|verify'", "'|status'", "repair", "|client-config'",
                             "graphdriver", "apptainer", "'token create|--file'"})
      EXPECT_THAT(script.text, HasSubstr(word)) << shell;
  }
  EXPECT_EQ(farewell({"completion", "tcsh"}).exit_code, 64);
  EXPECT_EQ(farewell({"completion"}).exit_code, 64);
}

TEST(CommandLine, ClientConfig) {
  const auto plain = command({"client-config", "podman"});
  EXPECT_EQ(plain.action, Action::client_config);
  EXPECT_EQ(plain.engine, Engine::podman);
  EXPECT_EQ(plain.mirror, std::nullopt);
  EXPECT_FALSE(plain.write);
  EXPECT_EQ(plain.root, "/");

  const auto full = command({"client-config", "--mirror", "http://10.0.0.5:5000", "--write",
                             "--root", "/tmp", "--config", "e.json", "-s", "a=1", "containerd"});
  EXPECT_EQ(full.engine, Engine::containerd);
  EXPECT_EQ(full.mirror, "http://10.0.0.5:5000");
  EXPECT_TRUE(full.write);
  EXPECT_EQ(full.root, "/tmp");
  EXPECT_EQ(full.config, "e.json");
  EXPECT_THAT(full.overrides, ElementsAre("a=1"));
  EXPECT_EQ(command({"client-config", "docker"}).engine, Engine::docker);
  EXPECT_TRUE(command({"client-config", "k3s", "--undo"}).undo);
}

TEST(CommandLine, ClientConfigAccess) {
  const auto access = command({"client-config", "docker", "--ca", "a", "--client-cert", "b",
                               "--client-key", "c", "--user", "u", "--password-file", "d"})
                          .mirror_access;
  EXPECT_EQ(access.ca, "a");
  EXPECT_EQ(access.client_certificate, "b");
  EXPECT_EQ(access.client_key, "c");
  EXPECT_EQ(access.user, "u");
  EXPECT_EQ(access.password_file, "d");
  EXPECT_EQ(command({"client-config", "docker", "--token-file", "e"}).mirror_access.token_file,
            "e");
}

TEST(CommandLine, ClientConfigReportsTheFaultOfAMirror) {
  EXPECT_THAT(farewell({"client-config", "docker", "--mirror", "10.0.0.5:5000"}).text,
              HasSubstr("neither an https:// nor an http:// URL"));
  EXPECT_THAT(farewell({"client-config", "docker", "--mirror", "http://a/docker.io"}).text,
              HasSubstr("has no path"));
}

TEST(CommandLine, Token) {
  const auto create =
      command({"token", "create", "--file", "t.json", "--name", "ci", "--expires", "90d"});
  EXPECT_EQ(create.action, Action::token);
  EXPECT_EQ(create.token_action, TokenAction::create);
  EXPECT_EQ(create.token_file, "t.json");
  EXPECT_EQ(create.token_name, "ci");
  EXPECT_EQ(create.token_life, std::chrono::hours(90 * 24));
  EXPECT_EQ(command({"token", "create", "--file", "t", "--name", "ci"}).token_life, std::nullopt);
  EXPECT_EQ(command({"token", "list", "--file", "t"}).token_action, TokenAction::list);
  const auto revoke = command({"token", "revoke", "--name", "ci", "--file", "t"});
  EXPECT_EQ(revoke.token_action, TokenAction::revoke);
  EXPECT_EQ(revoke.token_name, "ci");
}

TEST(CommandLine, Access) {
  const auto explain = command({"access",
                                "explain",
                                "ci",
                                "docker.io/a/b",
                                "--address",
                                "10.0.0.7",
                                "--certificate",
                                "CN=node-1",
                                "--certificate",
                                "O=lab",
                                "--listen",
                                "0.0.0.0:443",
                                "--uid",
                                "7",
                                "--claim",
                                "azp=ci",
                                "--claim",
                                "/a/b=c=d",
                                "-c",
                                "f.json"});
  EXPECT_EQ(explain.action, Action::access);
  EXPECT_EQ(explain.access.user, "ci");
  EXPECT_EQ(explain.access.repository, "docker.io/a/b");
  EXPECT_EQ(explain.access.address.text(), "10.0.0.7");
  EXPECT_EQ(explain.access.uid, 7U);
  EXPECT_THAT(explain.access.certificate, ElementsAre("CN=node-1", "O=lab"));
  EXPECT_THAT(explain.access.claims, ElementsAre("azp=ci", "/a/b=c=d"));
  EXPECT_EQ(explain.access.listen, "0.0.0.0:443");
  EXPECT_EQ(explain.config, "f.json");
  for (const char* nobody : {"-", "anonymous"})
    EXPECT_EQ(command({"access", "explain", nobody, "docker.io/a/b"}).access.user, "");
  EXPECT_FALSE(command({"access", "explain", "-", "docker.io/a/b"}).access.address.known());
}

TEST(CommandLine, TokenReportsTheFault) {
  const auto fault = [](const char* name, const char* expires) {
    return farewell({"token", "create", "--file", "t", "--name", name, "--expires", expires}).text;
  };
  EXPECT_THAT(fault("a:b", "1d"), HasSubstr("the name has a colon"));
  EXPECT_THAT(fault("\xff", "1d"), HasSubstr("not UTF-8"));
  EXPECT_THAT(fault("ci", "90"), HasSubstr("write 90d or 12h"));
  EXPECT_THAT(fault("ci", "1ms"), HasSubstr("a second at least"));
}

TEST(CommandLine, HelpIsNoError) {
  EXPECT_EQ(farewell({"--help"}).exit_code, 0);
  EXPECT_THAT(farewell({"--help"}).text, HasSubstr("serve"));
  EXPECT_EQ(farewell({"serve", "--help"}).exit_code, 0);
  EXPECT_THAT(farewell({"serve", "--help"}).text, HasSubstr("--config"));
}

TEST(CommandLine, WrongUsageIs64) {
  const std::initializer_list<const char*> wrong[] = {
      {},
      {"srve"},
      {"serve", "check"},
      {"serve", "--bogus"},
      {"serve", "extra"},
      {"serve", "-s"},
      {"serve", "-s", "a=1", "b=2"},
      {"serve", "--config"},
      {"serve", "--config", "a", "--config", "b"},
      {"version", "--config", "a"},
      {"health", "--config", "a"},
      {"client-config"},
      {"client-config", "cri-o"},
      {"client-config", "0"},
      {"client-config", "docker", "podman"},
      {"client-config", "docker", "--mirror"},
      {"client-config", "docker", "--undo", "--write"},
      {"client-config", "docker", "--undo", "--ca", "a"},
      {"client-config", "docker", "--check", "--write"},
      {"client-config", "docker", "--client-cert", "a"},
      {"client-config", "docker", "--undo", "--mirror", "http://10.0.0.5:5000"},
      {"client-config", "docker", "--mirror", "10.0.0.5:5000"},
      {"client-config", "docker", "--write", "--root", "/nonexistent"},
      {"token"},
      {"token", "create", "--file", "t"},
      {"token", "create", "--name", "ci"},
      {"token", "list", "--file", "t", "--config", "a"},
  };
  for (const auto& arguments : wrong) {
    const auto said = parse(arguments);
    ASSERT_TRUE(std::holds_alternative<Farewell>(said)) << testing::PrintToString(arguments);
    EXPECT_EQ(std::get<Farewell>(said).exit_code, 64) << testing::PrintToString(arguments);
    EXPECT_NE(std::get<Farewell>(said).text, "") << testing::PrintToString(arguments);
  }
}

}  // namespace
}  // namespace entrepot::app
