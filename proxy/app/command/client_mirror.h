// SPDX-License-Identifier: Apache-2.0
// The values of an engine's configuration: the address of the mirror, and the registries that it
// mirrors. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"

namespace entrepot::app {

/// The address of the mirror for engines.
struct ClientMirror {
  std::string url;        ///< "http://10.0.0.5:5000", nothing behind it
  std::string authority;  ///< "10.0.0.5:5000"
  bool plain = false;     ///< http
  bool loopback = false;  ///< this machine, as Docker sees it: 127.0.0.0/8 or localhost
  bool operator==(const ClientMirror&) const = default;
};

/// The fault of the URL of a mirror; nullopt if it has none.
std::optional<std::string> fault_of_mirror(std::string_view url);

/// REQUIRES: fault_of_mirror(url) is nullopt.
ClientMirror client_mirror(std::string_view url);

/// The first configured listening address with a port, as this machine reaches it; nullopt if the
/// system chooses every port, or there are unix sockets only: Docker, containerd, podman, k3s, RKE2
/// and BuildKit take URLs with a host.
std::optional<ClientMirror> mirror_listening(const conf::Config& config);
/// Why mirror_listening() is nullopt, and what to do.
std::string no_mirror_listening(const conf::Config& config);

/// A mirrored registry, as references to images name it.
struct ClientRegistry {
  std::string name;    ///< "docker.io"
  std::string server;  ///< the registry's own URL, used while the mirror is down
  std::string path;    ///< its prefix in paths of the mirror; empty: none
  bool operator==(const ClientRegistry&) const = default;
};

/// Each upstream under its name and its aliases, in the order of the configuration; not under what
/// every engine turns into docker.io itself.
std::vector<ClientRegistry> client_registries(const conf::Config& config);

}  // namespace entrepot::app
