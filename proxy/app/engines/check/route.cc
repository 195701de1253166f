// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/check/route.h"

#include <stdexcept>
#include <tuple>

#include "proxy/app/engines/setup/docker_setup.h"
#include "proxy/app/engines/setup/mirror_access.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* docker_certificates = "/etc/docker/certs.d";
constexpr const char* buildkit_config = "/etc/buildkit/buildkitd.toml";

NoRoute absent(const System& system, const fs::path& file) {
  return {system.name(file) + " does not exist"};
}

NoRoute unnamed(const System& system, const fs::path& file, const ClientMirror& mirror) {
  return {system.name(file) + " does not name " + mirror.url};
}

std::string basic(const std::string& user, const std::string& password) {
  MirrorAccess access;
  access.user = user;
  access.password = password;
  return access.authorization();
}

}  // namespace

bool Route::operator<(const Route& other) const {
  const auto all = [](const Route& one) {
    return std::tie(one.url, one.target, one.authorities, one.certificate, one.key,
                    one.trusts_every_certificate, one.authorization, one.login_at_once);
  };
  return all(*this) < all(other);
}

void add_certs_folder(const System& system, const fs::path& folder, Route& route) {
  for (const auto& file : system.files(folder, ".crt"))
    route.authorities += system.content(file) + "\n";
  for (const auto& file : system.files(folder, ".cert")) {
    route.certificate = system.content(file);
    route.key = system.content(fs::path(file).replace_extension(".key"));
  }
}

FoundRoute docker_route(const System& system, const ClientMirror& mirror) {
  const auto document = system.document(daemon_json, DocumentFormat::json);
  if (!document) return absent(system, daemon_json);
  if (!has_text(member(*document, "registry-mirrors"), mirror.url))
    return unnamed(system, daemon_json, mirror);
  Route route;
  route.url = mirror.url;
  route.trusts_every_certificate =
      mirror.loopback || has_text(member(*document, "insecure-registries"), mirror.authority);
  // For an address of this machine, Docker looks at no certificate.
  if (!mirror.loopback)
    add_certs_folder(system, fs::path(docker_certificates) / mirror.authority, route);
  return route;
}

FoundRoute rancher_route(const System& system, const fs::path& file, const ClientMirror& mirror,
                         const ClientRegistry& registry) {
  const auto document = system.document(file, DocumentFormat::yaml);
  if (!document) return absent(system, file);
  const auto& mirrors = member(*document, "mirrors");
  const auto& own = member(mirrors, registry.name);
  const auto& entry = own.is_null() ? member(mirrors, "*") : own;
  if (!has_text(member(entry, "endpoint"), mirror.url)) return unnamed(system, file, mirror);
  Route route;
  route.url = mirror.url;
  route.target += "?ns=" + registry.name;
  route.login_at_once = true;
  const auto& config = member(member(*document, "configs"), mirror.authority);
  const auto& tls = member(config, "tls");
  route.trusts_every_certificate = is_true(member(tls, "insecure_skip_verify"));
  const auto read = [&](const char* key) {
    const auto path = text_of(member(tls, key));
    return path.empty() ? path : system.content(path);
  };
  route.authorities = read("ca_file");
  route.certificate = read("cert_file");
  route.key = read("key_file");
  const auto& auth = member(config, "auth");
  const auto user = text_of(member(auth, "username")), encoded = text_of(member(auth, "auth"));
  if (!user.empty()) route.authorization = basic(user, text_of(member(auth, "password")));
  if (!encoded.empty()) route.authorization = "Basic " + encoded;
  return route;
}

FoundRoute buildkit_route(const System& system, const ClientMirror& mirror,
                          const ClientRegistry& registry) {
  const auto document = system.document(buildkit_config, DocumentFormat::toml);
  if (!document) return absent(system, buildkit_config);
  const auto& registries = member(*document, "registry");
  if (!has_text(member(member(registries, registry.name), "mirrors"), mirror.authority))
    return unnamed(system, buildkit_config, mirror);
  const auto& own = member(registries, mirror.authority);
  Route route;
  route.url = (is_true(member(own, "http")) ? "http://" : "https://") + mirror.authority;
  route.target += "?ns=" + registry.name;
  route.trusts_every_certificate = is_true(member(own, "insecure"));
  if (member(own, "ca").is_array())
    for (const auto& file : member(own, "ca"))
      route.authorities += system.content(text_of(file)) + "\n";
  if (member(own, "keypair").is_array())
    for (const auto& pair : member(own, "keypair")) {
      route.certificate = system.content(text_of(member(pair, "cert")));
      route.key = system.content(text_of(member(pair, "key")));
    }
  return route;
}

}  // namespace entrepot::app
