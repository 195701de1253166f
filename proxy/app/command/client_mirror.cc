// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/client_mirror.h"

#include <algorithm>
#include <array>

#include "conf/credentials.h"
#include "conf/grammar.h"

namespace entrepot::app {
namespace {

constexpr std::string_view docker_hub = "docker.io";
constexpr std::string_view docker_hub_server = "https://registry-1.docker.io";
// Hosts of Docker Hub that no image is named after.
constexpr std::array<std::string_view, 2> docker_hub_hosts = {"index.docker.io",
                                                              "registry-1.docker.io"};

std::string_view without_scheme(std::string_view url) { return url.substr(url.find("://") + 3); }

/// The mirror's URLs end with the port: what engines put behind it is theirs to choose.
std::string_view without_slash(std::string_view url) {
  if (url.ends_with('/')) url.remove_suffix(1);
  return url;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (auto& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return result;
}

bool is_loopback(std::string_view authority) {
  return authority.starts_with("127.") || authority.substr(0, authority.find(':')) == "localhost";
}

bool is_any(std::string_view address) {
  return address.starts_with("0.0.0.0:") || address.starts_with("[::]:");
}

/// A path of a URL holds no ':' in the name of a repository.
bool fits_a_path(const std::string& name) { return name.find(':') == std::string::npos; }

std::string path_of(const conf::Upstream& upstream, const std::string& name) {
  if (fits_a_path(name)) return name;
  if (fits_a_path(upstream.name)) return upstream.name;
  const auto alias = std::find_if(upstream.aliases.begin(), upstream.aliases.end(), fits_a_path);
  return alias == upstream.aliases.end() ? "" : *alias;
}

/// An endpoint that is no mirror, or where the name says it is. Never another mirror: engines may
/// send it what is meant for the registry.
std::string server_of(const conf::Upstream& upstream, const std::string& name) {
  for (const auto& endpoint : upstream.endpoints)
    if (!endpoint.ns && conf::is_registry_itself(upstream, endpoint)) return endpoint.url;
  return upstream.name == docker_hub ? std::string(docker_hub_server) : "https://" + name;
}

}  // namespace

std::optional<std::string> fault_of_mirror(std::string_view url) {
  if (auto fault = conf::fault_of_url(url)) return fault;
  if (without_scheme(without_slash(url)).find('/') != std::string_view::npos)
    return "the URL of a mirror has no path; which registry is meant is put there for each engine";
  return std::nullopt;
}

ClientMirror client_mirror(std::string_view url) {
  ClientMirror mirror;
  mirror.url = lower(without_slash(url));
  mirror.authority = without_scheme(mirror.url);
  mirror.plain = mirror.url.starts_with("http://");
  mirror.loopback = is_loopback(mirror.authority);
  return mirror;
}

std::optional<ClientMirror> mirror_listening(const conf::Config& config) {
  const auto fixed = [](const conf::Listener& listener) {
    return !conf::is_unix(listener.address) && !listener.address.ends_with(":0");
  };
  const auto listener = std::find_if(config.listen.begin(), config.listen.end(), fixed);
  if (listener == config.listen.end()) return std::nullopt;
  const auto& address = listener->address;
  const std::string scheme = listener->tls ? "https://" : "http://";
  // [::] takes IPv4 as well.
  if (is_any(address))
    return client_mirror(scheme + "127.0.0.1" + address.substr(address.rfind(':')));
  return client_mirror(scheme + address);
}

std::string no_mirror_listening(const conf::Config& config) {
  const bool only_unix =
      std::all_of(config.listen.begin(), config.listen.end(),
                  [](const conf::Listener& one) { return conf::is_unix(one.address); });
  if (only_unix)
    return "the mirror listens on a unix socket only, and no engine takes the path of one as a "
           "mirror; add a listener with an IP address, such as 127.0.0.1:5000";
  return "the configuration leaves the port to chance; say where the mirror is: --mirror "
         "http://ADDRESS:PORT";
}

std::vector<ClientRegistry> client_registries(const conf::Config& config) {
  std::vector<ClientRegistry> registries;
  for (const auto& upstream : config.upstreams) {
    const auto add = [&](const std::string& name) {
      registries.push_back({name, server_of(upstream, name), path_of(upstream, name)});
    };
    add(upstream.name);
    for (const auto& alias : upstream.aliases)
      if (std::find(docker_hub_hosts.begin(), docker_hub_hosts.end(), alias) ==
          docker_hub_hosts.end())
        add(alias);
  }
  return registries;
}

}  // namespace entrepot::app
