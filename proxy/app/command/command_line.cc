// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string_view>

#include "conf/grammar.h"
#include "conf/json/units.h"
#include "metrics/printable.h"
#include "metrics/version.h"
#include "proxy/access/claims.h"
#include "proxy/access/user_name.h"
#include "proxy/access/who.h"
#include "proxy/app/command/client_options.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/command/unknown_word.h"
#include "proxy/app/completion/command_tree.h"
#include "proxy/app/completion/scripts.h"
#include "proxy/base/text.h"

namespace entrepot::app {
namespace {

constexpr const char* footer =
    "Exit codes: 0 done, 1 not there or found wrong (cache, images, token, check --online), not\n"
    "well (health, status), refused (access), not reached (client-config), 64 wrong usage, 75 try\n"
    "again later, 78 fix the configuration, 70 a bug.\n"
    "Without --config, /etc/entrepot/entrepot.json is used if it exists, else the built-in\n"
    "configuration: conf/entrepot.json.";

/// The admin listener without a configuration.
constexpr const char* health_address = "127.0.0.1:5080";

/// The configuration of the packages.
constexpr const char* default_configuration = "/etc/entrepot/entrepot.json";

constexpr const char* set_help =
    "Change one key of the configuration; may be given again. Names with dots need no quotes where "
    "they exist already: -s upstreams.docker.io.tags.fresh_for=5m";

void add_configuration(CLI::App& command, Command& result) {
  command.add_option("-c,--config", result.config, "Configuration: JSON with comments")
      ->type_name("FILE");
  command.add_option("-s,--set", result.overrides, set_help)
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

/// No name, tag, digest or pattern has other characters, and in the URL of the admin API these mean
/// something else or nothing.
std::string fault_of_name(const std::string& text) {
  const auto fits = [](char c) {
    return c > ' ' && c < '\x7f' &&
           std::string_view("\"#%&<>?\\^`{|}").find(c) == std::string::npos;
  };
  if (std::all_of(text.begin(), text.end(), fits)) return {};
  return printable(text) + " has a character that no repository, tag, digest or pattern has";
}

const CLI::Validator a_name(fault_of_name, "");

/// The fault of the address of a unix socket; of another one the connection tells.
std::string fault_of_socket(const std::string& address) {
  return conf::is_unix(address) ? conf::fault_of_address(address).value_or("") : "";
}

/// The subcommands of `cache`, each of which sets what it is.
void add_cache_commands(CLI::App& cache, Command& result) {
  cache.require_subcommand(1);
  const auto add = [&](const char* name, const char* help, CacheAction action) {
    auto* command = cache.add_subcommand(name, help);
    add_configuration(*command, result);
    add_access_options(*command, result.admin_access, "command");
    command->add_flag("--json", result.json, "Print JSON");
    command->callback([&result, action] { result.cache_action = action; });
    return command;
  };
  add("stats", "Sizes and counts", CacheAction::stats);
  add("ls", "What is stored: size, age, hits, and which repositories hold it", CacheAction::list)
      ->add_option("--sort", result.sort, "By size (largest first), age (oldest) or hits (most)")
      ->check(one_of({"size", "age", "hits"}));
  add("verify", "Compare every stored blob with its digest", CacheAction::verify)
      ->add_flag("--repair", result.repair, "Drop what is wrong, to be fetched again");
  auto* rm = add("rm", "Forget an object, a tag or a repository", CacheAction::remove);
  rm->add_flag("-y,--yes", result.yes, "Do not ask before a whole repository");
  rm->add_option("WHAT", result.argument, "DIGEST or REPOSITORY[:TAG]")->required()->check(a_name);
  add("pins", "What is pinned", CacheAction::pins);
  const char* pattern_help = "Repositories, such as library/* or ghcr.io/acme/*";
  add("pin", "Never evict what these repositories hold", CacheAction::pin)
      ->add_option("PATTERN", result.argument, pattern_help)
      ->required()
      ->check(a_name);
  add("unpin", "Take back a pin", CacheAction::unpin)
      ->add_option("PATTERN", result.argument, pattern_help)
      ->required()
      ->check(a_name);
}

std::string fault_of_token_name(const std::string& name) {
  if (auto fault = access::fault_of_user_name(name)) return *fault;
  return is_utf8(name) ? "" : "the name is not UTF-8";
}

std::string fault_of_life(const std::string& text) {
  const auto life = conf::parse_duration(text);
  if (!life) return printable(text) + " is no duration; write 90d or 12h";
  return *life < std::chrono::seconds(1) ? "a token has to live for a second at least" : "";
}

std::string fault_of_client(const std::string& user) {
  return access::fault_of_login_name(user).value_or("");
}

std::string fault_of_client_address(const std::string& text) {
  return IpAddress::parse(text) ? "" : printable(text) + " is no IP address; write 10.0.0.7";
}

std::string fault_of_uid(const std::string& text) {
  const auto term = access::Who::parse("uid:" + text, {});
  const auto* fault = std::get_if<access::Fault>(&term);
  return fault == nullptr ? "" : fault->text;
}

std::string fault_of_certificate_name(const std::string& name) {
  const auto term = access::Who::parse("cert:" + name, {});
  if (const auto* fault = std::get_if<access::Fault>(&term)) return fault->text;
  return name.find('=') == name.npos ? "a certificate has names, such as CN=node-1" : "";
}

std::string fault_of_claim(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos) return "a claim has a value, such as azp=ci";
  const auto name = access::ClaimName::parse(text.substr(0, equals));
  const auto* fault = std::get_if<access::Fault>(&name);
  return fault == nullptr ? "" : fault->text;
}

/// The client of `access explain`.
void add_client(CLI::App& explain, AccessQuestion& question) {
  explain
      .add_option_function<std::string>(
          "USER",
          [&question](const std::string& user) {
            question.user = user == "-" || user == "anonymous" ? "" : user;
          },
          "The user of the login or JWT, or the token; - or anonymous: no login")
      ->required()
      ->type_name("")
      ->check(CLI::Validator(fault_of_client, ""));
  explain
      .add_option_function<std::string>(
          "--address",
          [&question](const std::string& text) {
            question.address = IpAddress::parse(text).value_or(IpAddress());
          },
          "The IP address of the client; without it, no network matches")
      ->type_name("IP")
      ->check(CLI::Validator(fault_of_client_address, ""));
  explain
      .add_option_function<std::string>(
          "--uid",
          [&question](const std::string& text) {
            question.uid = static_cast<uid_t>(parse_number(text).value_or(0));
          },
          "The user id of the client of a unix socket, as `id -u NAME` prints it")
      ->type_name("NUMBER")
      ->check(CLI::Validator(fault_of_uid, ""));
  explain
      .add_option("--certificate", question.certificate,
                  "A name in the certificate of the client, such as CN=node-1; may be given again")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->check(CLI::Validator(fault_of_certificate_name, ""));
  explain
      .add_option("--claim", question.claims,
                  "A claim of the JWT of the client, such as azp=ci; may be given again")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->check(CLI::Validator(fault_of_claim, ""));
}

/// The subcommand of `access`.
void add_access_commands(CLI::App& access, Command& result) {
  access.require_subcommand(1);
  AccessQuestion& question = result.access;
  auto* explain =
      access.add_subcommand("explain", "Which rule lets a client pull a repository, or refuses it");
  add_configuration(*explain, result);
  add_client(*explain, question);
  explain
      ->add_option("REPOSITORY", question.repository, "With its upstream: docker.io/library/alpine")
      ->required()
      ->type_name("");
  explain
      ->add_option("--listen", question.listen,
                   "The address of the listener, as configured; without it, all listeners")
      ->type_name("ADDRESS");
}

/// The subcommands of `token`.
void add_token_commands(CLI::App& token, Command& result) {
  token.require_subcommand(1);
  const auto add = [&](const char* name, const char* help, TokenAction action) {
    auto* command = token.add_subcommand(name, help);
    command->add_option("--file", result.token_file, "The file of tokens that the listeners name")
        ->required()
        ->type_name("FILE");
    command->callback([&result, action] { result.token_action = action; });
    return command;
  };
  const auto add_name = [&](CLI::App* command) {
    command->add_option("--name", result.token_name, "The name of the token, and of its user")
        ->required()
        ->type_name("NAME")
        ->check(CLI::Validator(fault_of_token_name, ""));
  };
  auto* create = add("create", "Make a token, and print it once", TokenAction::create);
  add_name(create);
  create
      ->add_option_function<std::string>(
          "--expires",
          [&result](const std::string& text) { result.token_life = conf::parse_duration(text); },
          "The time for which it is accepted, such as 90d; without it, until it is revoked")
      ->type_name("DURATION")
      ->check(CLI::Validator(fault_of_life, ""));
  add("list", "The names of the tokens and their times", TokenAction::list);
  add_name(add("revoke", "Remove a token", TokenAction::revoke));
}

CLI::Option* add_address(CLI::App& command, Command& result, const std::string& help) {
  add_access_options(command, result.admin_access, "command");
  return command.add_option("-a,--address", result.address, help)
      ->type_name("ADDRESS:PORT")
      ->check(CLI::Validator(fault_of_socket, ""));
}

void add_health_options(CLI::App& health, Command& result) {
  add_address(health, result, "Its admin listener; or https://NAME:PORT, or unix:/PATH")
      ->default_str(health_address);
}

void add_status_options(CLI::App& status, Command& result) {
  add_configuration(status, result);
  add_address(status, result,
              "Its admin listener, or https://NAME:PORT, or unix:/PATH; without it, that of the "
              "configuration");
  status.add_flag("--json", result.json, "Print JSON");
}

void add_images_options(CLI::App& images, Command& result) {
  add_configuration(images, result);
  add_access_options(images, result.admin_access, "command");
  images.add_flag("--json", result.json, "Print JSON");
  images
      .add_option("PATTERN", result.argument,
                  "Which, such as alpine, alpine:3* or ghcr.io/acme/*; without it, all")
      ->type_name("")
      ->check(a_name);
  images.callback([&result] {
    result.action = Action::cache;
    result.cache_action = CacheAction::images;
  });
}

/// Hours, rounded up; 0 for anything that is not from a second to 24 hours.
int hours_of(const std::string& text) {
  using std::chrono::hours;
  const auto time = conf::parse_duration(text);
  if (!time || *time < std::chrono::seconds(1) || *time > hours(24)) return 0;
  return static_cast<int>(std::chrono::ceil<hours>(*time).count());
}

void add_usage_options(CLI::App& usage, Command& result) {
  add_status_options(usage, result);
  usage
      .add_option_function<std::string>(
          "--by",
          [&result](const std::string& word) {
            result.usage_by = word == "client" ? UsageOf::client : UsageOf::repository;
          },
          "By client, or by repository")
      ->type_name("WHICH")
      ->required()
      ->check(one_of({"client", "repository"}));
  usage
      .add_option_function<std::string>(
          "--last", [&result](const std::string& text) { result.usage_hours = hours_of(text); },
          "The time before now, such as 2h, in whole hours; 24h at most and without it")
      ->type_name("DURATION")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return hours_of(text) > 0 ? ""
                                      : printable(text) + " is no time of up to 24h, such as 2h";
          },
          ""));
  usage.add_option("--limit", result.usage_limit, "The number of rows, 1000 at most")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
}

void add_deny_options(CLI::App& deny, Command& result) {
  add_configuration(deny, result);
  add_access_options(deny, result.admin_access, "command");
  deny.add_flag("--json", result.json, "Print JSON");
  deny.add_option("PATTERN", result.deny_pattern,
                  "Repositories of an upstream, such as docker.io/library/evil or ghcr.io/acme/*; "
                  "without it, all denials are listed")
      ->type_name("");
  auto* remove = deny.add_flag("--remove", result.deny_remove, "Take the denial back");
  deny.add_option("--reason", result.deny_reason, "Why, for the list and the log")
      ->type_name("TEXT")
      ->excludes(remove);
}

void add_serve_options(CLI::App& app, Command& result) {
  add_configuration(app, result);
  app.add_flag("--replace", result.replace,
               "Take the place of the running process with the same cache, if there is one");
}

void add_check_options(CLI::App& check, Command& result) {
  add_configuration(check, result);
  check.add_flag("--online", result.online,
                 "Try each endpoint, too: its name and certificate, each account, and the first "
                 "step of a pull");
  check.add_flag("--against-running", result.against_running,
                 "Ask the running process, too, which keys it cannot change without a restart");
  add_access_options(check, result.admin_access, "command");
}

void add_commands(CLI::App& app, Command& result) {
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* help, Action action) -> CLI::App& {
    auto* command = app.add_subcommand(name, help);
    command->callback([&result, action] { result.action = action; });
    return *command;
  };
  add_serve_options(add("serve", "Run the mirror until SIGTERM", Action::serve), result);
  add_check_options(add("check", "Load a configuration, tell what is wrong with it", Action::check),
                    result);
  add("version", "Print the version", Action::version);
  add_status_options(
      add("status", "Ask a running process how it is, and what it does", Action::status), result);
  add_images_options(
      add("images", "List the stored tags: size, last pull, and whether all is there",
          Action::cache),
      result);
  add_cache_commands(
      add("cache", "Look at the cache and change it, whether a process uses it or not",
          Action::cache),
      result);
  add_usage_options(add("usage", "Show who pulls how much, by client or repository", Action::usage),
                    result);
  add_deny_options(
      add("deny", "Deny repositories at once, without a change of the configuration", Action::deny),
      result);
  auto& client =
      add("client-config", "Print or write the configuration with which an engine uses the mirror",
          Action::client_config);
  add_client_options(client, result);
  add_configuration(client, result);
  add_token_commands(
      add("token", "Make and revoke tokens with which clients log in", Action::token), result);
  add_access_commands(add("access", "Explain who may pull what", Action::access), result);
  add_health_options(add("health", "Ask a running process whether it is well", Action::health),
                     result);
}

/// `topic`: the words behind `help`; nullopt without `help`.
void add_help_command(CLI::App& app, std::optional<std::vector<std::string>>& topic) {
  auto* help = app.add_subcommand("help", "Print the help of a command, or this one");
  help->callback([&topic] { topic.emplace(topic.value_or(std::vector<std::string>())); });
  help->add_option_function<std::vector<std::string>>(
          "COMMAND", [&topic](const std::vector<std::string>& words) { topic = words; },
          "Such as cache, or cache ls")
      ->type_name("");
}

/// `shell`: the argument of `completion`; nullopt without it.
void add_completion_command(CLI::App& app, std::optional<Shell>& shell) {
  constexpr auto& words = metrics::words<Shell>;
  app.add_subcommand("completion", "Print the script with which a shell completes these commands")
      ->add_option_function<std::string>(
          "SHELL",
          [&shell](const std::string& word) {
            const auto& known = metrics::words<Shell>;
            shell = static_cast<Shell>(std::find(known.begin(), known.end(), word) - known.begin());
          },
          "bash, zsh or fish")
      ->required()
      ->type_name("")
      ->check(one_of({words.begin(), words.end()}));
}

/// The help of `help WORDS`.
Farewell help_of(CLI::App& app, const std::vector<std::string>& words) {
  if (auto fault = fault_of_words(app, words)) return {exit_usage, *fault};
  app.clear();  // else CLI11 takes `help` for the command whose help is wanted
  CLI::App* command = &app;
  std::string before;
  for (const std::string& word : words) {
    if (command->get_subcommands([](const CLI::App*) { return true; }).empty()) break;
    before += (before.empty() ? "" : " ") + command->get_name();
    command = command->get_subcommand(word);
  }
  return {exit_ok, command->help(before)};
}

/// The words of a command line that cannot be parsed because of `error`, or that asks for help.
Farewell farewell(const CLI::App& app, const CLI::ParseError& error,
                  const std::vector<std::string>& words) {
  std::ostringstream out, err;
  if (app.exit(error, out, err) == 0) return {exit_ok, out.str()};
  if (words.empty()) return {exit_usage, app.help()};
  return {exit_usage, fault_of_words(app, words).value_or(err.str())};
}

}  // namespace

std::variant<Command, Farewell> parse_command_line(int argc, const char* const* argv) {
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  Command result;
  CLI::App app("Entrepot: a pull-through mirror for container registries", "entrepot");
  app.set_version_flag("-V,--version", version_text());
  app.footer(footer);
  add_commands(app, result);
  std::optional<std::vector<std::string>> topic;
  add_help_command(app, topic);
  std::optional<Shell> shell;
  add_completion_command(app, shell);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return farewell(app, error, words);
  }
  if (topic) return help_of(app, *topic);
  if (shell) return Farewell{exit_ok, completion_script(command_tree(app), *shell)};
  if (result.action == Action::health && result.address.empty()) result.address = health_address;
  std::error_code none;
  if (!result.config && std::filesystem::exists(default_configuration, none))
    result.config = default_configuration;
  return result;
}

}  // namespace entrepot::app
