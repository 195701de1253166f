// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/client_options.h"

#include <map>
#include <string>

#include "proxy/app/command/client_mirror.h"

namespace entrepot::app {
namespace {

std::map<std::string, Engine> engines() {
  std::map<std::string, Engine> engines;
  for (std::size_t i = 0; i < metrics::count_of<Engine>; ++i)
    engines.emplace(metrics::words<Engine>[i], static_cast<Engine>(i));
  return engines;
}

/// "docker, containerd or podman"
std::string engine_names() {
  std::string names;
  const auto& words = metrics::words<Engine>;
  for (std::size_t i = 0; i < words.size(); ++i)
    names.append(i == 0 ? "" : i + 1 == words.size() ? " or " : ", ").append(words[i]);
  return names;
}

}  // namespace

void add_client_options(CLI::App& client, Command& result) {
  static const auto known = engines();
  client
      .add_option_function<std::string>(
          "ENGINE", [&result](const std::string& name) { result.engine = known.at(name); },
          engine_names())
      ->required()
      ->type_name("")
      ->check(CLI::IsMember(known).description(""));
  auto* mirror =
      client
          .add_option("--mirror", result.mirror,
                      "Where the engine finds the mirror; without it, where it listens")
          ->type_name("URL")
          ->check(CLI::Validator(
              [](const std::string& url) { return fault_of_mirror(url).value_or(""); }, ""));
  auto* write =
      client.add_flag("--write", result.write, "Write it into the engine's files, with backups");
  client.add_flag("--undo", result.undo, "Take back what --write has written")
      ->excludes(write)
      ->excludes(mirror);
  client.add_option("--root", result.root, "The system whose files are meant")
      ->type_name("DIR")
      ->check(CLI::Validator(CLI::ExistingDirectory).description(""));
}

}  // namespace entrepot::app
