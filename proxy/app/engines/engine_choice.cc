// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/engine_choice.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string_view>

#include "cache/base/folder.h"
#include "proxy/app/engines/docker_store.h"
#include "proxy/app/engines/files/replaced_file.h"
#include "proxy/app/engines/setup/buildkit_setup.h"
#include "proxy/app/engines/setup/containerd_setup.h"
#include "proxy/app/engines/setup/docker_setup.h"
#include "proxy/app/engines/setup/kaniko_setup.h"
#include "proxy/app/engines/setup/podman_setup.h"
#include "proxy/app/engines/setup/rancher_setup.h"
#include "proxy/app/engines/setup/toml_lines.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* crio_config = "/etc/crio/crio.conf";
constexpr const char* crio_folder = "/etc/crio/crio.conf.d";
constexpr auto patience_for_docker = std::chrono::seconds(5);

/// A file of configuration, and then those of its folder with this extension, in their order.
std::vector<ConfigFile> read_files(const fs::path& root, const fs::path& file,
                                   const fs::path& folder, std::string_view extension) {
  std::vector<fs::path> paths = {file};
  // As far as it can be read: like a file of it that cannot.
  static_cast<void>(cache::for_each_entry(path_below(root, folder), [&](const auto& entry) {
    if (entry.path().extension() == extension) paths.push_back(folder / entry.path().filename());
  }));
  std::sort(paths.begin() + 1, paths.end());
  std::vector<ConfigFile> files;
  for (const auto& path : paths)
    if (auto text = content_of_file(path_below(root, path))) files.push_back({path, *text});
  return files;
}

/// The other files about registries that podman reads, in its order.
std::vector<ConfigFile> podman_files(const Command& command) {
  if (!command.write) return {};
  auto files = read_files(command.root, podman_file, podman_folder, ".conf");
  std::erase_if(files, [](const auto& file) { return file.path.filename() == "entrepot.conf"; });
  return files;
}

/// The last value counts.
std::optional<std::string> crio_logins(const Command& command) {
  if (!command.write) return std::nullopt;
  std::string value;
  auto files = read_files(command.root, crio_config, crio_folder, ".conf");
  for (const auto& file : files)
    if (auto found = quoted_setting(file.text, "global_auth_file")) value = *found;
  return value;
}

std::optional<std::string> containerd_config_of(const Command& command) {
  if (!command.write) return std::nullopt;
  return content_of_file(path_below(command.root, containerd_config)).value_or("");
}

bool has_hosts_files(Engine engine, const Machine& machine) {
  return engine == Engine::containerd ||
         (engine == Engine::docker && machine.store == DockerStore::containerd);
}

/// A mirror in daemon.json as well would be asked without the login of hosts.toml.
void note_daemon_json(EngineSetup& setup, const Command& command, const ClientMirror& mirror) {
  if (!command.write) return;
  const auto file = path_below(command.root, daemon_json);
  const auto text = content_of_file(file);
  if (text && text->find(mirror.url) != std::string::npos)
    setup.notes.push_back(file.string() +
                          " names the mirror too, for the other image store: take it out of "
                          "registry-mirrors, or run client-config docker --undo first");
}

EngineSetup docker(const Command& command, const std::vector<ClientRegistry>& registries,
                   const Machine& machine, const ClientMirror& mirror, const MirrorAccess& access) {
  const bool containerd = machine.store == DockerStore::containerd;
  auto setup = containerd ? docker_store_setup(mirror, registries, access,
                                               command.registries.value_or(RegistryScope::all))
                          : docker_setup(mirror, registries, access);
  if (containerd) note_daemon_json(setup, command, mirror);
  setup.notes.insert(setup.notes.end(), machine.notes.begin(), machine.notes.end());
  return setup;
}

/// apptainer takes these from the environment and the home of each user.
std::optional<std::string> fault_for_apptainer(const AccessOptions& options,
                                               const ClientMirror& mirror) {
  if (options.client_certificate) return "apptainer shows a mirror no certificate";
  if (options.ca)
    return "apptainer trusts the authorities of the system, or those of the variable "
           "SSL_CERT_FILE in their place: add " +
           options.ca->string() + " to the system's (update-ca-certificates)";
  if (options.password_file || options.token_file)
    return "apptainer keeps the logins of each user: apptainer registry login --username NAME "
           "docker://" +
           mirror.authority;
  return std::nullopt;
}

EngineSetup setup_of_engine(const Command& command, const conf::Config& config,
                            const Machine& machine, const ClientMirror& mirror,
                            const MirrorAccess& access) {
  const auto registries = client_registries(config);
  switch (command.engine) {
    case Engine::docker:
      return docker(command, registries, machine, mirror, access);
    case Engine::containerd:
      return containerd_setup(mirror, registries, containerd_config_of(command), access,
                              command.registries.value_or(RegistryScope::configured));
    case Engine::podman:
      return podman_setup(mirror, registries, podman_files(command), access);
    case Engine::crio:
      return crio_setup(mirror, registries, podman_files(command), crio_logins(command), access);
    case Engine::apptainer:
      return apptainer_setup(mirror, registries, podman_files(command));
    case Engine::kaniko:
      return kaniko_setup(mirror, registries, command.mirror_access, access);
    case Engine::k3s:
      return rancher_setup(RancherKind::k3s, mirror, registries, access);
    case Engine::rke2:
      return rancher_setup(RancherKind::rke2, mirror, registries, access);
    case Engine::buildkit:
      return buildkit_setup(mirror, registries, access);
  }
  return {};
}

}  // namespace

Machine look_at_machine(const Command& command) {
  Machine machine;
  if (command.engine != Engine::docker) return machine;
  if (command.store) {
    machine.store = *command.store;
    machine.store_is_known = true;
    return machine;
  }
  const bool here =
      (command.write || command.check) && fs::absolute(command.root).lexically_normal() == "/";
  const auto found = here ? ask_docker_for_its_store(patience_for_docker)
                          : FoundStore{std::nullopt, "Docker is not asked for another system", {}};
  if (!found.note.empty()) machine.notes.push_back(found.note);
  machine.store_is_known = found.store.has_value();
  if (found.store)
    machine.store = *found.store;
  else
    machine.notes.push_back(
        "it is assumed that Docker keeps images by a graph driver (" + found.why +
        "); where docker info shows io.containerd.snapshotter.v1, add --store containerd");
  return machine;
}

std::optional<std::string> fault_for_engine(const Command& command, const Machine& machine,
                                            const ClientMirror& mirror) {
  const auto engine = command.engine;
  const auto& options = command.mirror_access;
  const bool graphdriver = engine == Engine::docker && machine.store == DockerStore::graphdriver;
  const bool login = options.password_file || options.token_file;
  if (command.store && engine != Engine::docker) return "--store is an option of docker";
  if (command.registries && !has_hosts_files(engine, machine))
    return "--registries is an option of containerd, and of docker with --store containerd";
  if (graphdriver && login)
    return "Docker has no login for a mirror of daemon.json, and may send it the one for Docker "
           "Hub: give it --client-cert and --client-key, use containerd's image store (--store "
           "containerd), or admit its address by the \"networks\" "
           "of the mirror's listener";
  if (graphdriver && options.client_certificate && mirror.loopback)
    return "Docker shows no certificate to an address of this machine: give --mirror another "
           "address than " +
           mirror.authority;
  if (engine == Engine::kaniko && (command.write || command.check))
    return "kaniko reads no file of this machine: print its flags, without --write and --check";
  if (engine == Engine::apptainer) return fault_for_apptainer(options, mirror);
  if (engine == Engine::buildkit && login)
    return "BuildKit takes the login from its client: docker login " + mirror.authority +
           " where the builds are started";
  if (!has_hosts_files(engine, machine) && options.token_file && options.user.empty())
    return std::string(metrics::to_string(engine)) +
           " has no bearer tokens: give --user NAME, the name of the token, beside --token-file";
  return std::nullopt;
}

EngineSetup setup_for(const Command& command, const conf::Config& config, const Machine& machine,
                      const ClientMirror& mirror, const MirrorAccess& access) {
  auto setup = setup_of_engine(command, config, machine, mirror, access);
  if (access.has_login() && mirror.plain && !mirror.loopback)
    setup.notes.push_back("the login passes the network in clear text to " + mirror.url +
                          ": give the mirror https");
  return setup;
}

std::string reload_step(Engine engine) {
  switch (engine) {
    case Engine::docker:
      return "systemctl reload docker (containers go on)";
    case Engine::k3s:
      return "systemctl restart k3s (on agents: k3s-agent), on every node";
    case Engine::rke2:
      return "systemctl restart rke2-server (on agents: rke2-agent), on every node";
    case Engine::buildkit:
      return "systemctl restart buildkit; or, for docker buildx, create the builder again";
    case Engine::podman:
    case Engine::crio:
      return "systemctl reload crio, where CRI-O runs";
    case Engine::containerd:
    case Engine::kaniko:
    case Engine::apptainer:
      break;
  }
  return {};
}

}  // namespace entrepot::app
