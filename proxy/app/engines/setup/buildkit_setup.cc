// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/setup/buildkit_setup.h"

#include <string>
#include <utility>

#include "proxy/app/engines/setup/own_file.h"

namespace entrepot::app {
namespace {

constexpr const char* buildkit_certificates = "/etc/buildkit/entrepot";
constexpr const char* buildkit_config = "/etc/buildkit/buildkitd.toml";

/// The table of the mirror itself; empty if it needs none.
std::string mirror_table(const ClientMirror& mirror, const CertificatePaths& paths) {
  const auto name = "registry." + in_toml(mirror.authority);
  std::string text;
  if (mirror.plain) text += "  http = true\n";
  if (!paths.ca.empty()) text += "  ca = [" + in_toml(paths.ca) + "]\n";
  if (!paths.certificate.empty())
    text += "  [[" + name + ".keypair]]\n    key = " + in_toml(paths.key) +
            "\n    cert = " + in_toml(paths.certificate) + "\n";
  return text.empty() ? text : "\n[" + name + "]\n" + text;
}

std::string tables_of(const ClientMirror& mirror, const std::vector<ClientRegistry>& registries,
                      const CertificatePaths& paths) {
  std::string text;
  for (const auto& registry : registries) {
    text += "\n[registry." + in_toml(registry.name) + "]\n  mirrors = [" +
            in_toml(mirror.authority) + "]\n";
    if (registry.server.starts_with("http://")) text += "  http = true\n";
  }
  return text + mirror_table(mirror, paths);
}

}  // namespace

EngineSetup buildkit_setup(const ClientMirror& mirror,
                           const std::vector<ClientRegistry>& registries,
                           const MirrorAccess& access) {
  EngineSetup setup;
  const auto paths = add_certificates(setup, access, buildkit_certificates);
  const std::string lines = tables_of(mirror, registries, paths);
  std::vector<std::string> names = {mirror.authority};
  for (const auto& registry : registries) names.push_back(registry.name);
  for (const auto& path : {paths.ca, paths.certificate})
    if (!path.empty()) names.push_back(path);
  setup.comment = "# ";
  setup.files.push_back({buildkit_config, std::string(own_file_marker) + lines,
                         own_file_merge(lines, std::move(names))});
  if (mirror.loopback)
    setup.notes.push_back(
        "a builder that runs in a container does not reach " + mirror.authority +
        ": give --mirror an address of this machine, or create it with --driver-opt network=host");
  setup.next = {
      "systemctl restart buildkit; or, for docker buildx, a builder with this file: docker buildx "
      "create --use --buildkitd-config " +
      std::string(buildkit_config) + " (--config before buildx 0.13)"};
  return setup;
}

}  // namespace entrepot::app
