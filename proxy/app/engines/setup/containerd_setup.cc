// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/setup/containerd_setup.h"

#include <string_view>

#include "proxy/app/engines/setup/hosts_toml.h"
#include "proxy/app/engines/setup/toml_lines.h"

namespace entrepot::app {
namespace {

constexpr std::string_view usual_folder = "/etc/containerd/certs.d";

// containerd's own configuration, as far as it decides what becomes of the files.
struct CriRegistry {
  std::string config_path;
  bool has_mirrors = false;  // the old way, which cannot be had beside config_path
  bool version_3 = false;
};

/// Reads line by line, and knows tables in the form that every known configuration uses. Another
/// form is not recognised, and leads to unnecessary advice.
CriRegistry read_config(std::string_view text) {
  CriRegistry registry;
  bool here = false;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with('[')) {
      const auto table = line.substr(0, line.find(']'));
      const bool cri = table.find("cri") != std::string_view::npos;
      here = cri && table.ends_with(".registry");
      const auto mirrors = table.find(".registry.mirrors.");
      registry.has_mirrors |= cri && mirrors != std::string_view::npos;
    } else if (here && line.starts_with("config_path")) {
      registry.config_path = quoted_value(line);
    } else if (line.starts_with("version") && line.ends_with('3')) {
      registry.version_3 = true;
    }
  }
  return registry;
}

/// The fault of the configuration for pulls by Kubernetes, which read no other file; empty: none.
std::string fault_of(const CriRegistry& registry, const std::optional<std::string>& config) {
  const std::string file = containerd_config;
  if (!config)
    return "Kubernetes' pulls need " + file + " (or a file it imports) to name the folder";
  if (registry.config_path.empty())
    return file +
           " has no config_path, so Kubernetes' pulls do not look there (unless a file it imports "
           "has it)";
  return file + " names several folders in config_path, which containerd 2 takes for one " +
         "(containerd issue 12808)";
}

std::string config_path_note(const CriRegistry& registry,
                             const std::optional<std::string>& config) {
  std::string note =
      fault_of(registry, config) +
      "; it has to say this, then systemctl restart containerd (containers go on):\n";
  if (config.value_or("").empty()) note += "version = 2\n";
  note += registry.version_3 ? "[plugins.\"io.containerd.cri.v1.images\".registry]\n"
                             : "[plugins.\"io.containerd.grpc.v1.cri\".registry]\n";
  note.append("  config_path = \"").append(usual_folder).append("\"\n");
  if (registry.has_mirrors)
    note += "and none of its tables [….registry.mirrors…]: containerd refuses both together\n";
  return note;
}

}  // namespace

HostsFolder hosts_folder(const std::optional<std::string>& config) {
  const auto cri = read_config(config.value_or(""));
  const bool one =
      cri.config_path.starts_with('/') && cri.config_path.find(':') == std::string::npos;
  if (one) return {cri.config_path, {}};
  return {usual_folder, config_path_note(cri, config)};
}

EngineSetup containerd_setup(const ClientMirror& mirror,
                             const std::vector<ClientRegistry>& registries,
                             const std::optional<std::string>& config, const MirrorAccess& access,
                             RegistryScope scope) {
  const auto [folder, note] = hosts_folder(config);
  EngineSetup setup;
  setup.comment = "# ";
  add_hosts_files(setup, folder, mirror, registries, scope, access);
  if (!note.empty()) setup.notes.push_back(note);
  setup.next = {"containerd reads " + folder.string() +
                " at each pull: nothing is to be restarted"};
  return setup;
}

}  // namespace entrepot::app
