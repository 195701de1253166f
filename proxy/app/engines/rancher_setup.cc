// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/rancher_setup.h"

#include <string>
#include <string_view>
#include <utility>

#include "proxy/app/engines/own_file.h"

namespace entrepot::app {
namespace {

/// A double-quoted scalar (YAML 1.2.2 section 7.3.1). JSON's escapes are valid in it.
std::string in_yaml(std::string_view text) { return in_toml(text); }

std::string mirrors_of(const ClientMirror& mirror, const std::vector<ClientRegistry>& registries) {
  std::string text = "mirrors:\n";
  for (const auto& registry : registries) {
    text +=
        "  " + in_yaml(registry.name) + ":\n    endpoint:\n      - " + in_yaml(mirror.url) + "\n";
    // The registry that the service adds by itself is asked by https.
    if (registry.server.starts_with("http://"))
      text += "      - " + in_yaml(registry.server) + "\n";
  }
  return text;
}

std::vector<std::string> names_of(std::string mirror,
                                  const std::vector<ClientRegistry>& registries) {
  std::vector<std::string> names = {std::move(mirror)};
  for (const auto& registry : registries) names.push_back(registry.name);
  return names;
}

}  // namespace

EngineSetup rancher_setup(RancherKind kind, const ClientMirror& mirror,
                          const std::vector<ClientRegistry>& registries) {
  const bool k3s = kind == RancherKind::k3s;
  const std::string folder = k3s ? "k3s" : "rke2";
  const std::string lines = mirrors_of(mirror, registries);
  EngineSetup setup;
  setup.comment = "# ";
  setup.files.push_back({"/etc/rancher/" + folder + "/registries.yaml",
                         std::string(own_file_marker) + lines,
                         own_file_merge(lines, names_of(mirror.url, registries))});
  if (mirror.loopback)
    setup.notes.push_back(mirror.authority +
                          " is the node itself: run a mirror on every node, or give --mirror the "
                          "address of one");
  setup.next = {k3s ? "systemctl restart k3s (on agents: k3s-agent), on every node"
                    : "systemctl restart rke2-server (on agents: rke2-agent), on every node"};
  return setup;
}

}  // namespace entrepot::app
