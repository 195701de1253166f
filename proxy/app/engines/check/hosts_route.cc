// SPDX-License-Identifier: Apache-2.0
// hosts.toml of containerd, and of Docker with containerd's image store.
#include <utility>

#include "proxy/app/engines/check/route.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

/// The texts of a value that may be one text or a list of them.
std::vector<std::string> texts_of(const Document& value) {
  std::vector<std::string> texts;
  if (value.is_string()) texts.push_back(text_of(value));
  if (value.is_array())
    for (const auto& item : value)
      if (item.is_string()) texts.push_back(text_of(item));
  return texts;
}

/// The first certificate of `client`: "both", ["both", …] or [["certificate", "key"], …].
std::pair<std::string, std::string> client_of(const Document& value) {
  const auto both = texts_of(value);
  if (!both.empty()) return {both[0], both[0]};
  if (!value.is_array() || value.empty()) return {};
  const auto pair = texts_of(value[0]);
  if (pair.empty()) return {};
  return {pair[0], pair.size() > 1 ? pair[1] : pair[0]};
}

Route route_of(const System& system, const fs::path& folder, const Document& host,
               const ClientMirror& mirror, const std::string& registry) {
  Route route;
  route.url = mirror.url;
  route.target += "?ns=" + registry;
  route.login_at_once = true;
  route.trusts_every_certificate = is_true(member(host, "skip_verify"));
  // Paths are relative to the folder of the file.
  for (const auto& file : texts_of(member(host, "ca")))
    route.authorities += system.content((folder / file).lexically_normal()) + "\n";
  const auto [certificate, key] = client_of(member(host, "client"));
  if (!certificate.empty()) {
    route.certificate = system.content((folder / certificate).lexically_normal());
    route.key = system.content((folder / key).lexically_normal());
  }
  const auto& headers = member(host, "header");
  for (const auto& name : {"Authorization", "authorization"}) {
    const auto values = texts_of(member(headers, name));
    if (!values.empty()) route.authorization = values[0];
  }
  return route;
}

}  // namespace

FoundRoute hosts_route(const System& system, const fs::path& folder, const ClientMirror& mirror,
                       const ClientRegistry& registry) {
  auto own = folder / registry.name;
  // Without a folder for the registry, that of all registries counts.
  if (!system.has(own)) own = folder / "_default";
  const auto file = own / "hosts.toml";
  const auto document = system.document(file, DocumentFormat::toml);
  if (!document)
    return NoRoute{system.name(folder / registry.name / "hosts.toml") + " does not exist"};
  const auto& host = member(member(*document, "host"), mirror.url);
  if (!host.is_object())
    return NoRoute{system.name(file) + " has no [host.\"" + mirror.url + "\"]"};
  return route_of(system, own, host, mirror, registry.name);
}

}  // namespace entrepot::app
