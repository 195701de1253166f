// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/setup/kaniko_setup.h"

#include <string>

#include "proxy/app/engines/setup/containers_login.h"

namespace entrepot::app {
namespace {

constexpr const char* executor = "/kaniko/executor";
constexpr const char* kaniko_logins = "/kaniko/.docker/config.json";

/// The name of a registry in kaniko, which has another one for Docker Hub.
std::string kaniko_name(const std::string& registry) {
  return registry == "docker.io" ? "index.docker.io" : registry;
}

}  // namespace

EngineSetup kaniko_setup(const ClientMirror& mirror, const std::vector<ClientRegistry>& registries,
                         const AccessOptions& options, const MirrorAccess& access) {
  EngineSetup setup;
  std::string flags;
  for (const auto& registry : registries) {
    if (registry.path.empty())
      setup.notes.push_back(left_out(registry));
    else
      flags += "--registry-map=" + kaniko_name(registry.name) + "=" + mirror.authority + "/" +
               registry.path + "\n";
  }
  if (mirror.plain) flags += "--insecure-registry=" + mirror.authority + "\n";
  if (options.ca)
    flags += "--registry-certificate=" + mirror.authority + "=" + options.ca->string() + "\n";
  if (options.client_certificate)
    flags += "--registry-client-cert=" + mirror.authority + "=" +
             options.client_certificate->string() + "," + options.client_key->string() + "\n";
  setup.files.push_back({executor, flags, {}});
  if (options.ca || options.client_certificate)
    setup.notes.push_back("mount the certificates into the container of kaniko under these paths");
  if (access.has_login())
    setup.notes.push_back("mount a file with the login as " + std::string(kaniko_logins) + ":\n" +
                          login_file(kaniko_logins, mirror, access).content);
  setup.next = {"give these flags to " + std::string(executor) +
                " (1.23 and later); the registry itself follows the mirror, unless "
                "--skip-default-registry-fallback is given too"};
  return setup;
}

}  // namespace entrepot::app
