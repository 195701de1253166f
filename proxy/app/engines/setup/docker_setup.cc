// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/setup/docker_setup.h"

#include <algorithm>
#include <utility>

#include "conf/json/json_edits.h"
#include "proxy/app/engines/setup/hosts_toml.h"

namespace entrepot::app {
namespace {

constexpr const char* docker_certificates = "/etc/docker/certs.d";

/// Plain http is taken from this machine; from elsewhere, where an image is pulled by the mirror's
/// name, only if Docker is told.
std::vector<conf::ListEntry> entries(const ClientMirror& mirror) {
  std::vector<conf::ListEntry> entries = {{"registry-mirrors", mirror.url}};
  if (mirror.plain && !mirror.loopback)
    entries.push_back({"insecure-registries", mirror.authority});
  return entries;
}

Merged merge(std::string_view existing, const ClientMirror& mirror) {
  conf::Problems problems;
  Merged merged;
  merged.text = existing;
  for (const auto& entry : entries(mirror)) {
    auto text = conf::add_to_lists(merged.text, {entry}, problems);
    if (!text) break;
    if (*text == merged.text) continue;
    merged.outcome = Merged::Outcome::changed;
    merged.added.push_back({entry.key, entry.text, {}});
    merged.text = std::move(*text);
  }
  if (problems.errors.empty()) return merged;
  std::string why;
  for (const auto& problem : problems.errors) why += (why.empty() ? "" : "; ") + problem;
  return {Merged::Outcome::refused,
          why + "; it is left as it is (Docker takes JSON without comments): mend it and try again",
          {}};
}

}  // namespace

EngineSetup docker_setup(const ClientMirror& mirror, const std::vector<ClientRegistry>& registries,
                         const MirrorAccess& access) {
  EngineSetup setup;
  setup.files.push_back(
      {daemon_json, merge("", mirror).text,
       [mirror](std::string_view existing, bool) { return merge(existing, mirror); }});
  add_certificates(setup, access, std::filesystem::path(docker_certificates) / mirror.authority);
  if (access.ca && mirror.loopback)
    setup.notes.push_back("Docker does not read " + std::string(docker_certificates) +
                          " for an address of this machine: it trusts every certificate there");
  if (access.ca)
    setup.notes.push_back(
        "docker build looks for no certificates of a mirror of daemon.json: for builds, write the "
        "same with --store containerd as well");
  setup.next = {
      "systemctl reload docker (containers go on), or start it; docker info then shows "
      "the mirror under Registry Mirrors"};
  setup.notes.push_back(
      "a dockerd that is started with --registry-mirror or --insecure-registry must lose that "
      "flag: "
      "with the same in daemon.json it refuses to start");
  const auto other = std::find_if(
      registries.begin(), registries.end(),
      [](const ClientRegistry& one) { return one.name != "docker.io" && !one.path.empty(); });
  if (other != registries.end())
    setup.notes.push_back("Docker asks mirrors for Docker Hub only; images of " + other->name +
                          " and others are pulled by the mirror's name: docker pull " +
                          mirror.authority + "/" + other->path + "/…");
  return setup;
}

EngineSetup docker_store_setup(const ClientMirror& mirror,
                               const std::vector<ClientRegistry>& registries,
                               const MirrorAccess& access, RegistryScope scope) {
  EngineSetup setup;
  setup.comment = "# ";
  add_hosts_files(setup, docker_certificates, mirror, registries, scope, access);
  setup.next = {"Docker reads " + std::string(docker_certificates) +
                " at each pull: nothing is to be restarted"};
  return setup;
}

}  // namespace entrepot::app
