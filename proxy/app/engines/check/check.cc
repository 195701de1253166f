// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/check/check.h"

#include <iostream>
#include <map>
#include <stdexcept>

#include "proxy/app/command/exit_codes.h"
#include "proxy/app/engines/check/probe.h"
#include "proxy/app/engines/check/route.h"
#include "proxy/app/engines/setup/containerd_setup.h"
#include "proxy/app/engines/setup/containers_login.h"
#include "proxy/app/engines/setup/podman_setup.h"
#include "proxy/app/engines/setup/toml_lines.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* docker_folder = "/etc/docker/certs.d";

/// The files of logins of root's podman, in its order.
std::vector<fs::path> podman_logins() {
  return {"/run/containers/0/auth.json", root_login_file, "/root/.docker/config.json"};
}

std::vector<fs::path> crio_logins(const System& system) {
  auto files = system.files("/etc/crio/crio.conf.d", ".conf");
  files.insert(files.begin(), "/etc/crio/crio.conf");
  std::string own;
  for (const auto& file : files)
    if (system.has(file))
      own = quoted_setting(system.content(file), "global_auth_file").value_or(own);
  return own.empty() ? podman_logins() : std::vector<fs::path>{own};
}

/// Asks the mirror on behalf of one engine.
class Check {
 public:
  Check(const Command& command, const ClientMirror& mirror, std::optional<DockerStore> store)
      : engine_(command.engine), mirror_(mirror), store_(store), system_(command.root) {}

  /// True if the engine asks mirrors for this registry at all.
  bool concerns(const ClientRegistry& registry) const {
    switch (engine_) {
      case Engine::docker:
        return containerd_store() || registry.name == "docker.io";
      case Engine::podman:
      case Engine::crio:
      case Engine::apptainer:
        return !registry.path.empty();
      default:
        return true;
    }
  }

  Probe ask(const ClientRegistry& registry) {
    try {
      const auto found = route_of(registry);
      if (const auto* none = std::get_if<NoRoute>(&found))
        return {ProbeOutcome::not_configured, none->why};
      return ask(std::get<Route>(found));
    } catch (const std::runtime_error& error) {
      return {ProbeOutcome::unreadable, error.what()};
    }
  }

  /// The setting without which the engine does not read the files; empty: none.
  std::string note() const {
    return engine_ == Engine::containerd ? containerd_folder().note : std::string();
  }

 private:
  bool containerd_store() const {
    if (store_) return *store_ == DockerStore::containerd;
    // Docker does not tell: the files of that store do.
    const fs::path folder = docker_folder;
    return system_.has(folder / "_default/hosts.toml") ||
           system_.has(folder / "docker.io/hosts.toml");
  }

  FoundRoute route_of(const ClientRegistry& registry) const {
    switch (engine_) {
      case Engine::docker:
        return containerd_store() ? hosts_route(system_, docker_folder, mirror_, registry)
                                  : docker_route(system_, mirror_);
      case Engine::containerd:
        return hosts_route(system_, containerd_folder().path, mirror_, registry);
      case Engine::podman:
        return containers_route(system_, podman_logins(), true, mirror_, registry);
      case Engine::crio:
        return containers_route(system_, crio_logins(system_), true, mirror_, registry);
      case Engine::apptainer:
        return containers_route(system_, {"/root/.apptainer/docker-config.json"}, false, mirror_,
                                registry);
      case Engine::k3s:
        return rancher_route(system_, "/etc/rancher/k3s/registries.yaml", mirror_, registry);
      case Engine::rke2:
        return rancher_route(system_, "/etc/rancher/rke2/registries.yaml", mirror_, registry);
      case Engine::buildkit:
        return buildkit_route(system_, mirror_, registry);
      case Engine::kaniko:
        break;
    }
    return NoRoute{"it has no files on this machine"};
  }

  HostsFolder containerd_folder() const {
    return hosts_folder(system_.has(containerd_config) ? system_.content(containerd_config)
                                                       : std::string());
  }

  /// The same way is asked once: an engine has it for several registries.
  Probe ask(const Route& route) {
    auto same = route;
    same.target = "/v2/";
    const auto known = asked_.find(same);
    if (known != asked_.end()) return known->second;
    return asked_[same] = probe(route);
  }

  const Engine engine_;
  const ClientMirror& mirror_;
  const std::optional<DockerStore> store_;
  const System system_;
  std::map<Route, Probe> asked_;
};

}  // namespace

int check_engine(const Command& command, const conf::Config& config, const ClientMirror& mirror,
                 std::optional<DockerStore> store) {
  Check check(command, mirror, store);
  bool all = true;
  for (const auto& registry : client_registries(config)) {
    if (!check.concerns(registry)) continue;
    const auto result = check.ask(registry);
    all &= result.outcome == ProbeOutcome::reached;
    std::cout << registry.name << ": " << metrics::to_string(result.outcome) << " ("
              << result.detail << ")\n";
  }
  if (const auto note = check.note(); !note.empty()) std::cout << "Note: " << note;
  return all ? exit_ok : exit_found;
}

}  // namespace entrepot::app
