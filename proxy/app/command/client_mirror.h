// SPDX-License-Identifier: Apache-2.0
// What an engine has to be told: where the mirror is, and which registries it mirrors. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"

namespace entrepot::app {

/// Where engines find the mirror.
struct ClientMirror {
  std::string url;        ///< "http://10.0.0.5:5000", nothing behind it
  std::string authority;  ///< "10.0.0.5:5000"
  bool plain = false;     ///< http
  bool loopback = false;  ///< this machine, as Docker sees it: 127.0.0.0/8 or localhost
  bool operator==(const ClientMirror&) const = default;
};

/// What is wrong with the URL of a mirror; nullopt when nothing is.
std::optional<std::string> fault_of_mirror(std::string_view url);

/// REQUIRES: no fault.
ClientMirror client_mirror(std::string_view url);

/// The first address that is listened to, as this machine reaches it; nullopt where every port is
/// chosen at the start.
std::optional<ClientMirror> mirror_listening(const conf::Config& config);

/// A registry that is mirrored, as images name it.
struct ClientRegistry {
  std::string name;    ///< "docker.io"
  std::string server;  ///< the registry itself, for when the mirror is away
  std::string path;    ///< what the mirror knows it by in a path; empty: by nothing
  bool operator==(const ClientRegistry&) const = default;
};

/// Each upstream under its name and its aliases, in the order of the configuration; not under what
/// every engine turns into docker.io itself.
std::vector<ClientRegistry> client_registries(const conf::Config& config);

}  // namespace entrepot::app
