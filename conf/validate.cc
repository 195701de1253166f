// SPDX-License-Identifier: Apache-2.0
#include "conf/validate.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "conf/credentials.h"
#include "conf/file_content.h"
#include "conf/grammar.h"
#include "conf/listen_address.h"

namespace entrepot::conf {
namespace {

/// Passwords and tokens are shorter; a larger file is probably a wrong path.
constexpr std::size_t max_password_size = 64 * 1024;
/// The CA bundles of all distributions are smaller.
constexpr std::size_t max_ca_file_size = 16 * 1024 * 1024;

std::string path_of(const Upstream& upstream) { return "upstreams." + upstream.name; }

bool is_local(const std::string& address) {
  return is_unix(address) || address.starts_with("127.") || address.starts_with("[::1]:");
}

/// Checks the keys of trusted proxies that depend on the address of their listener.
void check_proxies(const Listener& listener, const std::string& path, Problems& problems) {
  const auto& networks = listener.trusted_proxies->networks;
  for (std::size_t i = 0; i < networks.size(); ++i) {
    const bool named = networks[i] == trusted_unix;
    const auto where = indexed(path + ".networks", i);
    if (is_unix(listener.address) && !named)
      problems.error(where,
                     "the proxies of a unix socket have no address; write \"unix:\" to trust all "
                     "users that mode lets connect");
    if (!is_unix(listener.address) && named)
      problems.error(where, "only for a listener on a unix socket; give the networks of proxies");
    if (networks[i].ends_with("/0"))
      problems.warn(where,
                    "every client is trusted, and can give itself any address; list the proxies");
  }
}

/// Checks the keys of a listener that depend on its address.
void check_listener(const Listener& listener, const std::string& path, Problems& problems) {
  if (listener.tls && is_unix(listener.address))
    problems.error(path + ".tls",
                   "a unix socket needs no TLS: its bytes do not leave this machine, and the "
                   "kernel names the client's user; remove it, or give an IP address");
  if (listener.trusted_proxies) check_proxies(listener, path + ".trusted_proxies", problems);
  if (!listener.networks.empty() && is_unix(listener.address) && !listener.trusted_proxies)
    problems.error(path + ".networks",
                   "the clients of a unix socket have no address, so it would serve nobody; remove "
                   "it, and use mode or a term uid:NUMBER");
  if (listener.auth && !listener.tls && !is_local(listener.address))
    problems.warn(path + ".auth", "passwords and tokens go over the wire in clear text; add tls");
}

/// Reports that the process cannot listen on `address` beside one of those `before` it.
void check_neighbours(const std::string& address, const std::vector<std::string>& before,
                      const std::string& path, Problems& problems) {
  for (const auto& other : before) {
    if (same_listen_address(address, other))
      return problems.error(path, address + " is listened on already");
    if (!covers_listen_address(address, other)) continue;
    std::string text = address;
    text.append(" overlaps ").append(other);
    text.append(", so the port would be in use already: 0.0.0.0 has all IPv4 addresses, [::] the ");
    text.append("IPv6 ones too; keep one of both, or give single addresses");
    return problems.error(path, text);
  }
}

void check_listeners(const Config& config, Problems& problems) {
  if (config.listen.empty() && !problems.has_error("listen"))
    problems.error("listen", "at least one address to listen on is needed");
  std::vector<std::string> seen;
  const auto check = [&](const std::string& address, const std::string& path) {
    check_neighbours(address, seen, path, problems);
    seen.push_back(address);
  };
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    const auto& listener = config.listen[i];
    check(listener.address, indexed("listen", i) + ".address");
    check_listener(listener, indexed("listen", i), problems);
  }
  if (!config.admin) return;
  check(config.admin->listener.address, "admin.address");
  check_listener(config.admin->listener, "admin", problems);
}

void check_limits(const Limits& limits, Problems& problems) {
  const std::uint64_t bandwidth = limits.bandwidth_per_client;
  if (bandwidth > 0 && bandwidth < Limits::least_bandwidth)
    problems.error("limits.bandwidth_per_client",
                   std::to_string(bandwidth) +
                       " bytes per second are too few to pull images: give 64KiB or more, or 0 for "
                       "no bound");
}

bool has_rights(const Admin& admin) {
  return admin.probes || admin.metrics || admin.read || admin.change;
}

void check_access(const Config& config, Problems& problems) {
  const auto& [rules, groups] = config.access;
  if (rules && rules->empty() && !problems.has_error("access"))
    problems.error("access", "holds no rule; remove it, or nobody could pull anything");
  const bool used = rules || (config.admin && has_rights(*config.admin));
  if (!used && !groups.empty())
    problems.warn("groups", "not used: there are no rules in access, and no rights in admin");
}

void check_names(Config& config, Problems& problems) {
  if (config.upstreams.empty() && !problems.has_error("upstreams"))
    problems.error("upstreams", "at least one upstream is needed");
  std::map<std::string, std::string> owners;  // maps a name or alias to its upstream
  for (const auto& upstream : config.upstreams) owners[upstream.name] = upstream.name;
  for (const auto& upstream : config.upstreams) {
    for (std::size_t i = 0; i < upstream.aliases.size(); ++i) {
      const auto [owner, added] = owners.emplace(upstream.aliases[i], upstream.name);
      if (!added)
        problems.error(indexed(path_of(upstream) + ".aliases", i),
                       upstream.aliases[i] + " names " + owner->second + " already");
    }
  }
  if (config.default_upstream.empty()) return;
  const auto owner = owners.find(config.default_upstream);
  if (owner != owners.end())
    config.default_upstream = owner->second;
  else if (!problems.has_error("upstreams"))
    problems.error("default_upstream",
                   config.default_upstream + " is not the name or alias of an upstream");
}

/// Entrepot adds /v2/ itself, so that a registry would answer 404 to everything.
void check_endpoint_path(const std::string& url, const std::string& path, Problems& problems) {
  const std::size_t host = url.find("://");
  const std::size_t begin = host == url.npos ? url.npos : url.find('/', host + 3);
  if (begin == url.npos) return;
  std::string rest = url.substr(begin);
  while (rest.ends_with('/')) rest.pop_back();
  if (rest.ends_with("/v2"))
    problems.error(path, "ends with /v2, which Entrepot adds itself; write " +
                             url.substr(0, begin + rest.size() - 3));
  else if (rest.find("/v2/") != rest.npos)
    problems.warn(
        path,
        "has /v2/ in its path, and Entrepot adds another one behind it: the path in front "
        "of the registry's own /v2/ is meant here");
}

void check_endpoints(const Upstream& upstream, Problems& problems) {
  std::set<std::string> seen;
  bool used = upstream.endpoints.empty();  // true if an endpoint uses the upstream's credentials
  for (std::size_t i = 0; i < upstream.endpoints.size(); ++i) {
    const auto& endpoint = upstream.endpoints[i];
    const auto& url = endpoint.url;
    const auto path = indexed(path_of(upstream) + ".endpoints", i) + ".url";
    if (!seen.insert(url).second && !problems.has_error(path))
      problems.error(path, "given twice; keep one of them");
    check_endpoint_path(url, path, problems);
    const bool given = !upstream.credentials.empty() && credentials_apply_to(upstream, endpoint);
    used = used || given;
    if ((given || !endpoint.credentials.empty()) && url.starts_with("http://"))
      problems.warn(path, "credentials go over the wire in clear text; use https://");
  }
  if (!upstream.credentials.empty() && !used)
    problems.error(path_of(upstream) + ".credentials",
                   "it is not clear which of the endpoints they are for: none has the upstream's "
                   "name; put them into that endpoint");
}

void check_access_file(const Log& log, Problems& problems) {
  if (!log.access_file) return;
  std::error_code none;
  const auto folder = log.access_file->parent_path();
  if (std::filesystem::is_directory(*log.access_file, none))
    problems.error("log.access_file",
                   "\"" + log.access_file->string() + "\" is a directory; name a file in it");
  else if (!std::filesystem::is_directory(folder, none))
    problems.error("log.access_file", "there is no folder \"" + folder.string() +
                                          "\"; make it, writable for the user of the service");
}

void check_ca_file(const std::optional<std::filesystem::path>& file, const std::string& path,
                   Problems& problems) {
  if (!file) return;
  const auto content = read_file(*file, max_ca_file_size, path, problems);
  // "-----BEGIN CERTIFICATE-----", "-----BEGIN TRUSTED CERTIFICATE-----"
  if (content && content->bytes.find("CERTIFICATE-----") == std::string::npos)
    problems.error(path, file->string() + " holds no certificate in PEM form");
}

/// The content of the file without its last line break; never part of a message. A password may
/// have several lines: some registries use a JSON key as password (Basic transfers it in base64).
void read_password(Credential& credential, const std::string& path, Problems& problems) {
  const auto& file = credential.password_file;
  if (file.empty()) return;
  auto content = read_file(file, max_password_size + 1, path, problems);
  if (!content) return;
  if (content->readable_by_all)
    problems.warn(path, file.string() + " can be read by every user; chmod it to 0400 or 0600");
  std::string& password = content->bytes;
  if (password.size() > max_password_size)
    problems.error(path, file.string() + " is too long for a password");
  if (password.ends_with("\r\n"))
    password.resize(password.size() - 2);
  else if (password.ends_with('\n'))
    password.pop_back();
  if (password.empty())
    problems.error(path, file.string() + " is empty");
  else if (password.find('\0') != std::string::npos)
    problems.error(path, file.string() + " holds a zero byte; a password is text");
  credential.password = std::move(password);
}

/// `owner`: the path of the object that contains the credentials.
void read_passwords(std::vector<Credential>& credentials, const std::string& owner,
                    Problems& problems) {
  for (std::size_t i = 0; i < credentials.size(); ++i)
    read_password(credentials[i], indexed(owner + ".credentials", i) + ".password_file", problems);
}

void check_proxy(OutgoingProxy& proxy, const std::string& path, Problems& problems) {
  check_ca_file(proxy.ca_file, path + ".ca_file", problems);
  for (auto* server : {&proxy.for_https, &proxy.for_http}) {
    if (!server->account) continue;
    // The file is read once, so that a problem with it is reported once.
    if (server == &proxy.for_http && !server->account->password_file.empty())
      server->account = proxy.for_https.account;
    else
      read_password(*server->account, path + ".password_file", problems);
    if (problems.has_error(path)) return;
    if (const auto fault = fault_of_proxy_account(server->url, *server->account))
      return problems.error(path, *fault);
  }
  if (proxy.ca_file && !proxy.for_https.url.starts_with("https://") &&
      !proxy.for_http.url.starts_with("https://"))
    problems.warn(path + ".ca_file", "not used: the proxy's url is not https");
}

void check_size(const Cache& cache, Problems& problems) {
  constexpr std::uint64_t small = 1 << 20;
  if (cache.max_size.percent == 0 && cache.max_size.bytes < small)
    problems.warn("cache.max_size",
                  std::to_string(cache.max_size.bytes) +
                      " bytes hold no layer; was a unit forgotten, as in 100GiB?");
  if (cache.reserve_free.percent == 100)
    problems.error("cache.reserve_free", "100% of the file system leave nothing for the cache");
}

/// $XDG_CACHE_HOME/entrepot, else ~/.cache/entrepot (XDG Base Directory Specification: relative
/// values are ignored).
void choose_directory(Cache& cache, Problems& problems) {
  const auto absolute = [](const char* name) -> std::filesystem::path {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): read before any thread is started
    const char* value = std::getenv(name);
    return value != nullptr && value[0] == '/' ? value : "";
  };
  if (!cache.directory.empty() || problems.has_error("cache")) {
    // Configured, or already reported as wrong.
  } else if (const auto xdg = absolute("XDG_CACHE_HOME"); !xdg.empty()) {
    cache.directory = xdg / "entrepot";
  } else if (const auto home = absolute("HOME"); !home.empty()) {
    cache.directory = home / ".cache" / "entrepot";
  } else {
    problems.error("cache.directory", "missing, and neither XDG_CACHE_HOME nor HOME is set");
  }
}

}  // namespace

void validate(Config& config, Problems& problems) {
  check_listeners(config, problems);
  check_limits(config.limits, problems);
  check_access_file(config.log, problems);
  check_access(config, problems);
  check_names(config, problems);
  for (auto& upstream : config.upstreams) {
    check_endpoints(upstream, problems);
    check_ca_file(upstream.ca_file, path_of(upstream) + ".ca_file", problems);
    check_proxy(upstream.proxy, path_of(upstream) + ".proxy", problems);
    read_passwords(upstream.credentials, path_of(upstream), problems);
    for (std::size_t i = 0; i < upstream.endpoints.size(); ++i)
      read_passwords(upstream.endpoints[i].credentials,
                     indexed(path_of(upstream) + ".endpoints", i), problems);
  }
  check_size(config.cache, problems);
  choose_directory(config.cache, problems);
}

}  // namespace entrepot::conf
