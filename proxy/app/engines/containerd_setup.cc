// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/containerd_setup.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace entrepot::app {
namespace {

constexpr std::string_view usual_folder = "/etc/containerd/certs.d";
constexpr std::string_view containerd_marker =
    "# Written by entrepot client-config, which leaves it alone once it is edited.\n";
constexpr std::string_view server_begins = "server = \"", server_ends = "\"\n\n";
constexpr std::string_view host_begins = "[host.\"",
                           host_ends = "\"]\n  capabilities = [\"pull\", \"resolve\"]\n";
// For an IPv6 address: the TOML parser of containerd 1.6 refuses a file with a ']' in the name of a
// table, quoted or not, and containerd then asks the registry itself.
constexpr std::string_view key_begins = "\n\nhost.\"",
                           key_ends = "\".capabilities = [\"pull\", \"resolve\"]\n";

std::string inside_quotes(std::string_view text) {
  const auto quoted = in_toml(text);
  return quoted.substr(1, quoted.size() - 2);
}

/// The settings of a host besides its capabilities, as keys and values.
using HostKeys = std::vector<std::pair<std::string, std::string>>;

/// The paths are relative to the folder of a hosts.toml, as containerd takes them.
HostKeys keys_of(const MirrorAccess& access, const CertificatePaths& paths) {
  const auto beside = [](const std::string& path) {
    const std::filesystem::path full(path);
    return in_toml((".." / full.parent_path().filename() / full.filename()).string());
  };
  HostKeys keys;
  if (!paths.ca.empty()) keys.emplace_back("ca", beside(paths.ca));
  if (!paths.certificate.empty())
    keys.emplace_back("client", "[[" + beside(paths.certificate) + ", " + beside(paths.key) + "]]");
  if (access.has_login())
    keys.emplace_back("header.Authorization", "[" + in_toml(access.authorization()) + "]");
  return keys;
}

std::string host_block(std::string_view quoted_url, const HostKeys& keys = {}) {
  const bool table = quoted_url.find(']') == std::string_view::npos;
  std::string text(table ? host_begins : key_begins.substr(2));
  text.append(quoted_url).append(table ? host_ends : key_ends);
  for (const auto& [key, value] : keys) {
    if (table)
      text.append("  ");
    else
      text.append(key_begins.substr(2)).append(quoted_url).append("\".");
    text.append(key).append(" = ").append(value).append("\n");
  }
  return text;
}

std::string hosts_toml(std::string_view quoted_server, std::string_view quoted_url,
                       const HostKeys& keys = {}) {
  std::string text(containerd_marker);
  return text.append(server_begins).append(quoted_server).append(server_ends) +
         host_block(quoted_url, keys);
}

/// The text between the first `begin` and the next `end`.
std::string_view between(std::string_view text, std::string_view begin, std::string_view end) {
  const auto from = text.find(begin);
  if (from == std::string_view::npos) return {};
  text.remove_prefix(from + begin.size());
  return text.substr(0, text.find(end));
}

/// As this program writes it, to the byte, for whatever registry and mirror.
bool is_ours(std::string_view text) {
  const auto server = between(text, server_begins, server_ends);
  return text == hosts_toml(server, between(text, host_begins, host_ends)) ||
         text == hosts_toml(server, between(text, key_begins, key_ends));
}

/// True if a file of others names the mirror and has its keys.
bool is_complete(std::string_view text, const ClientMirror& mirror, const HostKeys& keys) {
  const auto has = [text](const std::string& part) {
    return text.find(part) != std::string_view::npos;
  };
  return (has("host.\"" + inside_quotes(mirror.url) + "\"") || has("host.'" + mirror.url + "'")) &&
         std::ranges::all_of(keys, [&](const auto& key) { return has(key.second); });
}

Merged merge(std::string_view existing, bool ours, const std::string& content,
             const ClientMirror& mirror, const HostKeys& keys) {
  if (existing == content) return {Merged::Outcome::unchanged, {}, {}};
  if (ours || is_ours(existing)) return {Merged::Outcome::changed, content, {}};
  if (is_complete(existing, mirror, keys)) return {Merged::Outcome::unchanged, {}, {}};
  return {Merged::Outcome::refused,
          "somebody else's, and left as it is; put this before its first [host…]:\n" +
              host_block(inside_quotes(mirror.url), keys),
          {}};
}

// containerd's own configuration, as far as it decides what becomes of the files.
struct CriRegistry {
  std::string config_path;
  bool has_mirrors = false;  // the old way, which cannot be had beside config_path
  bool version_3 = false;
};

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

/// The value of `key = "value"` or `key = 'value'`.
std::string quoted_value(std::string_view line) {
  const auto begin = line.find_first_of("\"'");
  if (begin == std::string_view::npos) return {};
  const auto end = line.find(line[begin], begin + 1);
  return end == std::string_view::npos ? "" : std::string(line.substr(begin + 1, end - begin - 1));
}

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

EngineSetup containerd_setup(const ClientMirror& mirror,
                             const std::vector<ClientRegistry>& registries,
                             const std::optional<std::string>& config, const MirrorAccess& access) {
  const auto cri = read_config(config.value_or(""));
  const bool one =
      cri.config_path.starts_with('/') && cri.config_path.find(':') == std::string::npos;
  EngineSetup setup;
  setup.comment = "# ";
  const std::filesystem::path folder = one ? cri.config_path : std::string(usual_folder);
  const auto keys = keys_of(access, add_certificates(setup, access, folder / mirror.authority));
  for (const auto& registry : registries) {
    const auto content =
        hosts_toml(inside_quotes(registry.server), inside_quotes(mirror.url), keys);
    setup.files.push_back({folder / registry.name / "hosts.toml",
                           content,
                           [content, mirror, keys](std::string_view existing, bool ours) {
                             return merge(existing, ours, content, mirror, keys);
                           },
                           access.has_login(),
                           {}});
  }
  if (access.has_login())
    setup.notes.push_back("each hosts.toml holds the login in plain text: only root may read it");
  if (!one) setup.notes.push_back(config_path_note(cri, config));
  setup.next = {"containerd reads " + folder.string() +
                " at each pull: nothing is to be restarted"};
  return setup;
}

}  // namespace entrepot::app
