// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/engines/check/system.h"

namespace entrepot::app {

/// The way on which an engine asks the mirror for the images of a registry, as its files have it.
struct Route {
  std::string url;                        ///< of the mirror: "https://10.0.0.5:5443"
  std::string target = "/v2/";            ///< of a first request
  std::string authorities;                ///< PEM, besides those of the system
  std::string certificate, key;           ///< PEM, of the engine; empty: none
  bool trusts_every_certificate = false;  ///< of the mirror
  std::string authorization;              ///< the value of the header; empty: no login
  bool login_at_once = false;             ///< false: after a challenge
  bool operator<(const Route& other) const;
};

/// The files of the engine do not name the mirror for a registry.
struct NoRoute {
  std::string why;
};

using FoundRoute = std::variant<Route, NoRoute>;

/// Adds the certificates of a folder as Docker and podman read it: *.crt are authorities, NAME.cert
/// with NAME.key is the engine's. Throws as the functions below.
void add_certs_folder(const System& system, const std::filesystem::path& folder, Route& route);

// Each reads the files of the engine as they are. Throws std::runtime_error if a file cannot be
// read or parsed.

/// Docker with a graph driver, for Docker Hub: daemon.json, and certs.d.
FoundRoute docker_route(const System& system, const ClientMirror& mirror);

/// containerd, and Docker with its store: hosts.toml in FOLDER/NAME, or in FOLDER/_default.
FoundRoute hosts_route(const System& system, const std::filesystem::path& folder,
                       const ClientMirror& mirror, const ClientRegistry& registry);

/// podman, CRI-O and apptainer: registries.conf and its folder, certs.d, and the first of `logins`
/// that has the mirror. `certificates`: false if the engine does not read certs.d.
FoundRoute containers_route(const System& system, const std::vector<std::filesystem::path>& logins,
                            bool certificates, const ClientMirror& mirror,
                            const ClientRegistry& registry);

/// k3s and RKE2: registries.yaml.
FoundRoute rancher_route(const System& system, const std::filesystem::path& file,
                         const ClientMirror& mirror, const ClientRegistry& registry);

/// BuildKit: buildkitd.toml.
FoundRoute buildkit_route(const System& system, const ClientMirror& mirror,
                          const ClientRegistry& registry);

}  // namespace entrepot::app
