// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/setup/hosts_toml.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace entrepot::app {
namespace {

constexpr std::string_view hosts_marker =
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

/// Without a server, the registry of the image is the server.
std::string hosts_toml(std::string_view quoted_server, std::string_view quoted_url,
                       const HostKeys& keys = {}) {
  std::string text(hosts_marker);
  if (quoted_server.empty())
    text += '\n';
  else
    text.append(server_begins).append(quoted_server).append(server_ends);
  return text + host_block(quoted_url, keys);
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

Merged merge_hosts(std::string_view existing, bool ours, const std::string& content,
                   const ClientMirror& mirror, const HostKeys& keys) {
  if (existing == content) return {Merged::Outcome::unchanged, {}, {}};
  if (ours || is_ours(existing)) return {Merged::Outcome::changed, content, {}};
  if (is_complete(existing, mirror, keys)) return {Merged::Outcome::unchanged, {}, {}};
  return {Merged::Outcome::refused,
          "somebody else's, and left as it is; put this before its first [host…]:\n" +
              host_block(inside_quotes(mirror.url), keys),
          {}};
}

}  // namespace

void add_hosts_files(EngineSetup& setup, const std::filesystem::path& folder,
                     const ClientMirror& mirror, const std::vector<ClientRegistry>& registries,
                     RegistryScope scope, const MirrorAccess& access) {
  const auto keys = keys_of(access, add_certificates(setup, access, folder / mirror.authority));
  const auto add = [&](const std::string& name, const std::string& server) {
    const auto content = hosts_toml(inside_quotes(server), inside_quotes(mirror.url), keys);
    setup.files.push_back({folder / name / "hosts.toml", content,
                           [content, mirror, keys](std::string_view existing, bool ours) {
                             return merge_hosts(existing, ours, content, mirror, keys);
                           },
                           access.has_login()});
  };
  if (scope == RegistryScope::all)
    add("_default", "");
  else
    for (const auto& registry : registries) add(registry.name, registry.server);
  if (access.has_login())
    setup.notes.push_back("hosts.toml holds the login in plain text: only root may read it");
}

}  // namespace entrepot::app
