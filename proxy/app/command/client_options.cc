// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/client_options.h"

#include <map>
#include <string>
#include <vector>

#include "proxy/access/user_name.h"
#include "proxy/app/command/client_mirror.h"
#include "proxy/app/completion/command_tree.h"

namespace entrepot::app {
namespace {

template <typename Enum>
std::map<std::string, Enum> values() {
  std::map<std::string, Enum> values;
  for (std::size_t i = 0; i < metrics::count_of<Enum>; ++i)
    values.emplace(metrics::words<Enum>[i], static_cast<Enum>(i));
  return values;
}

template <typename Enum>
CLI::Validator is_word_of() {
  const auto& known = metrics::words<Enum>;
  return one_of({known.begin(), known.end()});
}

/// "docker, containerd or podman"
template <typename Enum>
std::string names() {
  std::string names;
  const auto& words = metrics::words<Enum>;
  for (std::size_t i = 0; i < words.size(); ++i)
    names.append(i == 0 ? "" : i + 1 == words.size() ? " or " : ", ").append(words[i]);
  return names;
}

/// An option whose value is a word of an enum.
template <typename Enum>
CLI::Option* add_choice(CLI::App& client, const char* name, std::optional<Enum>& value,
                        const std::string& help) {
  static const auto known = values<Enum>();
  return client
      .add_option_function<std::string>(
          name, [&value](const std::string& word) { value = known.at(word); }, help)
      ->type_name("WHICH")
      ->check(is_word_of<Enum>());
}

/// The root of the system, and the check of a folder, which excludes `others`.
void add_system_options(CLI::App& client, Command& result,
                        const std::vector<CLI::Option*>& others) {
  auto* folder =
      client
          .add_option("--check-folder", result.check_folder,
                      "Tell whether containerd's configuration names this folder of hosts.toml")
          ->type_name("DIR")
          ->check(CLI::Validator(
              [&result](const std::string&) {
                return result.engine == Engine::containerd ? "" : "it is an option of containerd";
              },
              ""));
  for (auto* option : others) folder->excludes(option);
  client
      .add_option("--containerd-config", result.containerd_config,
                  "The configuration of containerd for --check-folder")
      ->type_name("FILE")
      ->needs(folder)
      ->capture_default_str();
  client
      .add_option("--report", result.report,
                  "Write what --check-folder finds to this file, too, and exit with 0 whatever "
                  "it is")
      ->type_name("FILE")
      ->needs(folder);
  client.add_option("--root", result.root, "The system whose files are meant")
      ->type_name("DIR")
      ->check(CLI::Validator(CLI::ExistingDirectory).description(""));
}

}  // namespace

std::vector<CLI::Option*> add_access_options(CLI::App& command, AccessOptions& access,
                                             const std::string& whom) {
  const auto add = [&](const char* name, auto& value, const std::string& help) {
    return command.add_option(name, value, help)->type_name("FILE");
  };
  auto* ca = add("--ca", access.ca, "The authority of the mirror's certificate, PEM");
  auto* certificate = add("--client-cert", access.client_certificate,
                          "The certificate that the " + whom + " shows, and its issuers, PEM");
  auto* key = add("--client-key", access.client_key, "Its key, PEM, not encrypted");
  certificate->needs(key);
  key->needs(certificate);
  auto* user =
      command.add_option("--user", access.user, "The user or the token of the login")
          ->type_name("NAME")
          ->check(CLI::Validator(
              [](const std::string& name) { return access::fault_of_user_name(name).value_or(""); },
              ""));
  auto* password =
      add("--password-file", access.password_file, "A file with its password")->needs(user);
  auto* token = add("--token-file", access.token_file,
                    "A file with a token: the password of --user; without --user a bearer token")
                    ->excludes(password);
  return {ca, certificate, key, user, password, token};
}

void add_client_options(CLI::App& client, Command& result) {
  static const auto known = values<Engine>();
  client
      .add_option_function<std::string>(
          "ENGINE", [&result](const std::string& name) { result.engine = known.at(name); },
          names<Engine>())
      ->required()
      ->type_name("")
      ->check(is_word_of<Engine>());
  auto* mirror =
      client
          .add_option("--mirror", result.mirror,
                      "Where the engine finds the mirror; without it, where it listens")
          ->type_name("URL")
          ->check(CLI::Validator(
              [](const std::string& url) { return fault_of_mirror(url).value_or(""); }, ""));
  auto* write =
      client.add_flag("--write", result.write, "Write it into the engine's files, with backups");
  auto* undo = client.add_flag("--undo", result.undo, "Take back what --write has written")
                   ->excludes(write)
                   ->excludes(mirror);
  auto* check = client
                    .add_flag("--check", result.check,
                              "Ask the mirror as the engine would, by its files as they are")
                    ->excludes(write)
                    ->excludes(undo);
  for (auto* option : add_access_options(client, result.mirror_access, "engine")) {
    undo->excludes(option);
    check->excludes(option);
  }
  add_choice(client, "--store", result.store,
             "The image store of Docker: " + names<DockerStore>() + "; without it, as Docker says")
      ->excludes(undo);
  add_choice(client, "--registries", result.registries,
             "The registries of containerd, and of Docker with its store, that ask the mirror: " +
                 names<RegistryScope>())
      ->excludes(undo)
      ->excludes(check);
  add_system_options(client, result, {mirror, write, undo, check});
}

}  // namespace entrepot::app
