// SPDX-License-Identifier: Apache-2.0
// registries.conf of podman, CRI-O and apptainer (containers-registries.conf(5),
// containers-certs.d(5), containers-auth.json(5)).
#include "proxy/app/engines/check/route.h"
#include "proxy/app/engines/setup/podman_setup.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

/// The entry of a registry, and its file.
struct Entry {
  Document value;
  fs::path file;
};

/// The last of several files with the same prefix counts.
Entry entry_of(const System& system, const std::string& registry) {
  auto files = system.files(podman_folder, ".conf");
  files.insert(files.begin(), podman_file);
  Entry found;
  for (const auto& file : files) {
    const auto document = system.document(file, DocumentFormat::toml);
    if (!document || !member(*document, "registry").is_array()) continue;
    for (const auto& entry : member(*document, "registry")) {
      const auto prefix = text_of(member(entry, "prefix"));
      if ((prefix.empty() ? text_of(member(entry, "location")) : prefix) == registry)
        found = {entry, file};
    }
  }
  return found;
}

/// The login for the mirror in a file in the format of containers-auth.json(5); empty: none. The
/// key with the path comes first.
std::string login_in(const System& system, const fs::path& file, const std::string& location,
                     const std::string& authority) {
  const auto document = system.document(file, DocumentFormat::json);
  if (!document) return {};
  for (const auto& key : {location, authority}) {
    const auto auth = text_of(member(member(member(*document, "auths"), key), "auth"));
    if (!auth.empty()) return "Basic " + auth;
  }
  return {};
}

void add_certificates_of(const System& system, const std::string& authority, Route& route) {
  // The first folder that exists counts.
  for (const fs::path folder : {"/etc/containers/certs.d", "/etc/docker/certs.d"})
    if (system.has(folder / authority)) return add_certs_folder(system, folder / authority, route);
}

}  // namespace

FoundRoute containers_route(const System& system, const std::vector<fs::path>& logins,
                            bool certificates, const ClientMirror& mirror,
                            const ClientRegistry& registry) {
  const auto entry = entry_of(system, registry.name);
  if (!entry.value.is_object())
    return NoRoute{"no file in " + system.name(podman_folder) + " has a [[registry]] for it"};
  if (is_true(member(entry.value, "blocked")))
    return NoRoute{system.name(entry.file) + " blocks it"};
  const auto location = mirror.authority + "/" + registry.path;
  const auto& mirrors = member(entry.value, "mirror");
  const Document* found = nullptr;
  if (mirrors.is_array())
    for (const auto& one : mirrors)
      if (found == nullptr && text_of(member(one, "location")) == location) found = &one;
  if (found == nullptr) return NoRoute{system.name(entry.file) + " has no mirror " + location};
  Route route;
  const bool insecure = is_true(member(*found, "insecure"));
  // An insecure mirror is asked by https first, whatever its certificate, and then by http.
  route.url = insecure ? mirror.url : "https://" + mirror.authority;
  route.trusts_every_certificate = insecure;
  if (certificates) add_certificates_of(system, mirror.authority, route);
  for (const auto& file : logins)
    if (route.authorization.empty())
      route.authorization = login_in(system, file, location, mirror.authority);
  return route;
}

}  // namespace entrepot::app
