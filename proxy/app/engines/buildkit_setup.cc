// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/buildkit_setup.h"

#include <string>
#include <utility>

#include "proxy/app/engines/own_file.h"

namespace entrepot::app {
namespace {

constexpr const char* buildkit_config = "/etc/buildkit/buildkitd.toml";

std::string tables_of(const ClientMirror& mirror, const std::vector<ClientRegistry>& registries) {
  std::string text;
  for (const auto& registry : registries) {
    text += "\n[registry." + in_toml(registry.name) + "]\n  mirrors = [" +
            in_toml(mirror.authority) + "]\n";
    if (registry.server.starts_with("http://")) text += "  http = true\n";
  }
  if (mirror.plain) text += "\n[registry." + in_toml(mirror.authority) + "]\n  http = true\n";
  return text;
}

}  // namespace

EngineSetup buildkit_setup(const ClientMirror& mirror,
                           const std::vector<ClientRegistry>& registries) {
  const std::string lines = tables_of(mirror, registries);
  std::vector<std::string> names = {mirror.authority};
  for (const auto& registry : registries) names.push_back(registry.name);
  EngineSetup setup;
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
