// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/setup/podman_setup.h"

#include <algorithm>
#include <string_view>

#include "proxy/app/engines/setup/containers_login.h"
#include "proxy/app/engines/setup/own_file.h"

namespace entrepot::app {
namespace {

constexpr const char* podman_certificates = "/etc/containers/certs.d";
constexpr std::string_view our_name = "entrepot.conf";

std::string block(const ClientRegistry& registry, const ClientMirror& mirror) {
  std::string text = "\n[[registry]]\nprefix = " + in_toml(registry.name) +
                     "\nlocation = " + in_toml(registry.name) + "\n";
  if (registry.server.starts_with("http://")) text += "insecure = true\n";
  text +=
      "\n[[registry.mirror]]\nlocation = " + in_toml(mirror.authority + "/" + registry.path) + "\n";
  if (mirror.plain) text += "insecure = true\n";
  return text;
}

/// Whether a file has an entry for a registry: a line `prefix = "NAME"` or `location = "NAME"`.
bool speaks_of(std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string line;
    for (const char c : text.substr(0, end))
      if (c != ' ' && c != '\t' && c != '\r') line += c == '\'' ? '"' : c;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with("prefix=\"" + name + "\"") ||
        line.starts_with("location=\"" + name + "\""))
      return true;
  }
  return false;
}

/// If two files of the folder name a registry, podman uses the one whose name sorts last.
std::string note_of(const ConfigFile& other, const std::string& names) {
  const bool later =
      other.path.parent_path() == podman_folder && other.path.filename().string() > our_name;
  return other.path.string() + " speaks of " + names +
         (later ? " too and is read after entrepot.conf, so the mirror is not used for it: merge "
                  "the two by hand"
                : " too; what it says of it (blocked, other mirrors) no longer counts");
}

/// The file about registries, and the certificates.
EngineSetup registries_setup(const ClientMirror& mirror,
                             const std::vector<ClientRegistry>& registries,
                             const std::vector<ConfigFile>& others, const MirrorAccess& access) {
  EngineSetup setup;
  std::string content(own_file_marker);
  for (const auto& registry : registries) {
    if (registry.path.empty())
      setup.notes.push_back(left_out(registry));
    else
      content += block(registry, mirror);
  }
  for (const auto& other : others) {
    std::string names;
    for (const auto& registry : registries)
      if (speaks_of(other.text, registry.name))
        names += (names.empty() ? "" : ", ") + registry.name;
    if (!names.empty()) setup.notes.push_back(note_of(other, names));
  }
  setup.comment = "# ";
  setup.files.push_back({std::filesystem::path(podman_folder) / our_name, content,
                         [content](std::string_view existing, bool) -> Merged {
                           if (existing == content) return {Merged::Outcome::unchanged, {}, {}};
                           return {Merged::Outcome::changed, content, {}};
                         }});
  add_certificates(setup, access, std::filesystem::path(podman_certificates) / mirror.authority);
  return setup;
}

}  // namespace

EngineSetup podman_setup(const ClientMirror& mirror, const std::vector<ClientRegistry>& registries,
                         const std::vector<ConfigFile>& others, const MirrorAccess& access) {
  auto setup = registries_setup(mirror, registries, others, access);
  if (!access.user.empty()) {
    setup.files.push_back(login_file(root_login_file, mirror, access));
    setup.notes.push_back(std::string(root_login_file) +
                          " is that of root; another user logs in by itself: podman login " +
                          mirror.authority);
  }
  setup.next = {
      "podman, skopeo and buildah read it at their next pull; CRI-O after "
      "systemctl reload crio"};
  return setup;
}

EngineSetup crio_setup(const ClientMirror& mirror, const std::vector<ClientRegistry>& registries,
                       const std::vector<ConfigFile>& others,
                       const std::optional<std::string>& logins, const MirrorAccess& access) {
  auto setup = registries_setup(mirror, registries, others, access);
  if (!access.user.empty()) {
    const std::string file = logins.value_or("").empty() ? root_login_file : *logins;
    setup.files.push_back(login_file(file, mirror, access));
    if (!logins)
      setup.notes.push_back(
          "where the configuration of CRI-O has a global_auth_file, the login "
          "belongs to that file");
  }
  setup.next = {"systemctl reload crio"};
  return setup;
}

EngineSetup apptainer_setup(const ClientMirror& mirror,
                            const std::vector<ClientRegistry>& registries,
                            const std::vector<ConfigFile>& others) {
  auto setup = registries_setup(mirror, registries, others, {});
  setup.notes.push_back(
      "apptainer asks the first mirror of a registry only: while this one is down, it pulls "
      "nothing, and podman and CRI-O read this file too");
  setup.notes.push_back("apptainer 1.4.0 ignores this file (apptainer issue 2919); 1.4.5 reads it");
  setup.next = {"apptainer reads it at its next pull"};
  return setup;
}

}  // namespace entrepot::app
