// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/client_config.h"

#include <sys/stat.h>

#include <algorithm>
#include <iostream>
#include <string>

#include "cache/base/folder.h"
#include "proxy/app/command/client_mirror.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/engines/buildkit_setup.h"
#include "proxy/app/engines/containerd_setup.h"
#include "proxy/app/engines/docker_setup.h"
#include "proxy/app/engines/mirror_access.h"
#include "proxy/app/engines/podman_setup.h"
#include "proxy/app/engines/rancher_setup.h"
#include "proxy/app/engines/replaced_file.h"
#include "proxy/app/engines/written/undo.h"
#include "proxy/app/engines/written/write.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

/// The other files about registries that podman reads, in its order.
std::vector<PodmanFile> podman_files(const fs::path& root) {
  std::vector<fs::path> paths = {podman_file};
  // As far as it can be read: like a file of it that cannot.
  static_cast<void>(
      cache::for_each_entry(path_below(root, podman_folder), [&paths](const auto& entry) {
        if (entry.path().extension() == ".conf" && entry.path().filename() != "entrepot.conf")
          paths.push_back(fs::path(podman_folder) / entry.path().filename());
      }));
  std::sort(paths.begin() + 1, paths.end());
  std::vector<PodmanFile> files;
  for (const auto& path : paths)
    if (auto text = content_of_file(path_below(root, path))) files.push_back({path, *text});
  return files;
}

std::optional<std::string> containerd_config_of(const Command& command) {
  if (!command.write) return std::nullopt;
  return content_of_file(path_below(command.root, containerd_config)).value_or("");
}

/// The reason why the engine cannot present these to a mirror, and the alternative; nullopt if it
/// can.
std::optional<std::string> fault_of_engine_access(Engine engine, const AccessOptions& options,
                                                  const ClientMirror& mirror) {
  const bool login = options.password_file || options.token_file;
  if (engine == Engine::docker && login)
    return "Docker has no login for a mirror of daemon.json, and may send it the one for Docker "
           "Hub: give it --client-cert and --client-key, or admit its address by the \"networks\" "
           "of the mirror's listener";
  if (engine == Engine::docker && options.client_certificate && mirror.loopback)
    return "Docker shows no certificate to an address of this machine: give --mirror another "
           "address than " +
           mirror.authority;
  if (engine == Engine::buildkit && login)
    return "BuildKit takes the login from its client: docker login " + mirror.authority +
           " where the builds are started";
  if (engine != Engine::containerd && options.token_file && options.user.empty())
    return std::string(metrics::to_string(engine)) +
           " has no bearer tokens: give --user NAME, the name of the token, beside --token-file";
  return std::nullopt;
}

/// Looks at the machine only where it is to be written to: what is printed may be for another one.
EngineSetup setup_for(const Command& command, const conf::Config& config,
                      const ClientMirror& mirror, const MirrorAccess& access) {
  const auto registries = client_registries(config);
  switch (command.engine) {
    case Engine::docker:
      return docker_setup(mirror, registries, access);
    case Engine::containerd:
      return containerd_setup(mirror, registries, containerd_config_of(command), access);
    case Engine::podman:
      return podman_setup(mirror, registries,
                          command.write ? podman_files(command.root) : std::vector<PodmanFile>(),
                          access);
    case Engine::k3s:
      return rancher_setup(RancherKind::k3s, mirror, registries, access);
    case Engine::rke2:
      return rancher_setup(RancherKind::rke2, mirror, registries, access);
    case Engine::buildkit:
      return buildkit_setup(mirror, registries, access);
  }
  return {};
}

void print(const EngineSetup& setup) {
  for (const auto& file : setup.files) {
    if (setup.comment.empty())
      std::cerr << "entrepot: " << file.path.string() << ":\n";
    else
      std::cout << setup.comment << file.path.string() << "\n";
    if (file.copy_of.empty())
      std::cout << file.content;
    else
      (setup.comment.empty() ? std::cerr : std::cout)
          << setup.comment << "  a copy of " << file.copy_of.string() << "\n";
    std::cout << (setup.files.size() > 1 ? "\n" : "");
  }
}

/// The step after which the engine no longer uses the mirror; empty: none.
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
      return "systemctl reload crio, where CRI-O runs";
    case Engine::containerd:
      break;
  }
  return {};
}

}  // namespace

int run_client_undo(const Command& command) {
  const bool all = undo_files(command.engine, command.root);
  const auto step = reload_step(command.engine);
  if (!step.empty()) std::cout << "Next: " << step << "\n";
  return all ? exit_ok : exit_config;
}

int run_client_config(const Command& command, const conf::Config& config) {
  const auto mirror = command.mirror ? client_mirror(*command.mirror) : mirror_listening(config);
  if (!mirror) {
    std::cerr << "entrepot: " << no_mirror_listening(config) << "\n";
    return exit_usage;
  }
  const auto& options = command.mirror_access;
  auto fault = fault_of_access(options, *mirror);
  if (!fault) fault = fault_of_engine_access(command.engine, options, *mirror);
  if (fault) {
    std::cerr << "entrepot: " << *fault << "\n";
    return exit_usage;
  }
  const auto access = read_access(options);
  // Engines and their users must be able to read what is made here.
  ::umask(022);
  const auto setup = setup_for(command, config, *mirror, access);
  bool all = true;
  if (command.write)
    all = write_files(setup.files, command.engine, command.root);
  else
    print(setup);
  auto& advice = command.write ? std::cout : std::cerr;
  for (const auto& note : setup.notes)
    advice << "Note: " << note << (note.ends_with('\n') ? "" : "\n");
  for (const auto& step : setup.next) advice << "Next: " << step << "\n";
  return all ? exit_ok : exit_config;
}

}  // namespace entrepot::app
