// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/setup/rancher_setup.h"

#include <string>
#include <string_view>
#include <utility>

#include "proxy/app/engines/setup/own_file.h"

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

/// The access to the mirror, which the service takes for mirrors too.
std::string config_of(const ClientMirror& mirror, const MirrorAccess& access,
                      const CertificatePaths& paths) {
  std::string text;
  if (access.has_login())
    text += "    auth:\n      username: " + in_yaml(access.user) +
            "\n      password: " + in_yaml(access.password) + "\n";
  if (!paths.ca.empty() || !paths.certificate.empty()) text += "    tls:\n";
  if (!paths.ca.empty()) text += "      ca_file: " + in_yaml(paths.ca) + "\n";
  if (!paths.certificate.empty())
    text += "      cert_file: " + in_yaml(paths.certificate) +
            "\n      key_file: " + in_yaml(paths.key) + "\n";
  return text.empty() ? text : "configs:\n  " + in_yaml(mirror.authority) + ":\n" + text;
}

std::vector<std::string> names_of(std::string mirror, const std::vector<ClientRegistry>& registries,
                                  const MirrorAccess& access, const CertificatePaths& paths) {
  std::vector<std::string> names = {std::move(mirror)};
  for (const auto& registry : registries) names.push_back(registry.name);
  for (const auto& name : {access.user, paths.ca, paths.certificate})
    if (!name.empty()) names.push_back(name);
  return names;
}

}  // namespace

EngineSetup rancher_setup(RancherKind kind, const ClientMirror& mirror,
                          const std::vector<ClientRegistry>& registries,
                          const MirrorAccess& access) {
  const bool k3s = kind == RancherKind::k3s;
  const std::string folder = std::string("/etc/rancher/") + (k3s ? "k3s" : "rke2");
  EngineSetup setup;
  const auto paths = add_certificates(setup, access, folder + "/entrepot");
  const std::string lines = mirrors_of(mirror, registries) + config_of(mirror, access, paths);
  setup.comment = "# ";
  setup.files.push_back({folder + "/registries.yaml",
                         std::string(own_file_marker) + lines,
                         own_file_merge(lines, names_of(mirror.url, registries, access, paths)),
                         access.has_login(),
                         {}});
  if (access.has_login())
    setup.notes.push_back("registries.yaml holds the login in plain text: only root may read it");
  if (mirror.loopback)
    setup.notes.push_back(mirror.authority +
                          " is the node itself: run a mirror on every node, or give --mirror the "
                          "address of one");
  setup.next = {k3s ? "systemctl restart k3s (on agents: k3s-agent), on every node"
                    : "systemctl restart rke2-server (on agents: rke2-agent), on every node"};
  return setup;
}

}  // namespace entrepot::app
