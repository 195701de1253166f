// SPDX-License-Identifier: Apache-2.0
// The configuration of the program, validated and with all defaults filled in. Plain values;
// proxy/app converts them into the Options of each component.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace entrepot::conf {

using Milliseconds = std::chrono::milliseconds;

/// PEM files of a certificate with its issuers, and of its key.
struct CertificateFiles {
  std::filesystem::path certificate, key;
  bool operator==(const CertificateFiles&) const = default;
};

struct ListenerTls {
  /// At least one. Clients get the one with the name they ask for; the first is the default.
  std::vector<CertificateFiles> certificates;
  /// PEM, the authorities of client certificates; absent: clients are not asked for one.
  std::optional<std::filesystem::path> client_ca = {};
  bool client_required = true;  ///< "client_certificate": "required"
  bool operator==(const ListenerTls&) const = default;
};

/// An issuer of JSON Web Tokens, and which of its tokens a listener accepts.
struct JwtIssuer {
  std::string issuer;                 ///< the claim `iss`
  std::vector<std::string> audience;  ///< one of them has to be in the claim `aud`
  /// A JWK Set, or public keys in PEM; absent with `discovery`.
  std::optional<std::filesystem::path> keys = {};
  std::string user = "sub";      ///< the claim with the name of the user
  std::string user_prefix = {};  ///< put before that name
  std::string groups = {};       ///< the claim with the names of groups; empty: none
  std::chrono::milliseconds leeway = std::chrono::minutes(1);  ///< for clocks that differ
  bool discovery = false;                                      ///< fetch the keys from the issuer
  // For the discovery.
  std::optional<std::filesystem::path> ca = {};          ///< PEM; absent: the system's authorities
  std::optional<std::filesystem::path> token_file = {};  ///< sent as Bearer
  bool operator==(const JwtIssuer&) const = default;
};

/// In trusted_proxies.networks: all who may connect to the unix socket.
inline constexpr const char* trusted_unix = "unix:";

/// The proxies and load balancers that name the clients of a listener.
struct TrustedProxies {
  std::vector<std::string> networks;  ///< of the proxies; "unix:": all users of a unix socket
  bool x_forwarded_for = false;       ///< false: the PROXY protocol
  bool operator==(const TrustedProxies&) const = default;
};

/// The logins of a listener.
struct ListenerAuth {
  std::optional<std::filesystem::path> htpasswd = {};  ///< users with the hashes of their passwords
  std::optional<std::filesystem::path> tokens = {};    ///< made by `entrepot token`
  std::vector<JwtIssuer> jwt = {};
  bool challenge = true;  ///< "challenge": "direct": requests that name a registry get a 401
  bool operator==(const ListenerAuth&) const = default;
};

/// Permission bits of a unix socket: its owner and its group may connect.
inline constexpr unsigned default_socket_mode = 0660;

/// An address for clients. Addresses are IP literals with a port: "0.0.0.0:5000", "[::]:5000"; port
/// 0 selects a free one. Or "unix:" and the absolute path of a socket.
struct Listener {
  std::string address;
  std::optional<ListenerTls> tls = {};     ///< absent: plain HTTP, as on every unix socket
  unsigned mode = default_socket_mode;     ///< of a unix socket
  std::vector<std::string> networks = {};  ///< of the clients that it serves; empty: all
  std::optional<ListenerAuth> auth = {};   ///< absent: credentials are ignored
  /// Absent: the address of a client is that of its connection.
  std::optional<TrustedProxies> trusted_proxies = {};
  bool operator==(const Listener&) const = default;
};

/// The admin listener.
struct Admin {
  Listener listener = {};  ///< without trusted_proxies
  /// Host names in lower case that requests may use besides addresses, "localhost" and the names of
  /// the listener's certificates.
  std::vector<std::string> hosts = {};
  /// The clients that have each right, as terms of `who` in an access rule; empty: nobody. Absent:
  /// everybody, but for `read` and `change` only clients with a name if the listener has `auth` or
  /// a client_ca. A client that may change has to have `read`, too.
  std::optional<std::vector<std::string>> probes = {}, metrics = {}, read = {}, change = {};
  bool operator==(const Admin&) const = default;
};

struct Credential {
  std::string username;
  std::filesystem::path password_file;
  std::string password;  ///< content of the file without its last line break; never logged
  bool operator==(const Credential&) const = default;
};

/// One URL of an upstream.
struct Endpoint {
  std::string url;     ///< http or https, no user, query or fragment; its path precedes /v2/
  std::string region;  ///< free text for operators; may be empty
  bool ns = false;     ///< send ?ns=<upstream>: the endpoint is another mirror
  std::vector<Credential> credentials = {};  ///< for this endpoint alone
  bool operator==(const Endpoint&) const = default;
};

struct ProxyServer {
  std::string url;  ///< http, https or socks5h, host and port; empty: none
  std::optional<Credential> account;
  bool operator==(const ProxyServer&) const = default;
};

/// The proxies through which an upstream's requests go.
struct OutgoingProxy {
  ProxyServer for_https;
  ProxyServer for_http;  ///< the same one unless the environment says otherwise
  /// Hosts that are reached directly: names with their subdomains, addresses, networks, "*".
  std::vector<std::string> except;
  std::optional<std::filesystem::path> ca_file;  ///< PEM, for an https proxy
  bool operator==(const OutgoingProxy&) const = default;
};

struct TagRule {
  std::string match;  ///< a Pattern (metrics/pattern.h)
  Milliseconds fresh_for{0};
  bool operator==(const TagRule&) const = default;
};

struct Tags {
  Milliseconds fresh_for{std::chrono::seconds(60)};
  Milliseconds stale_for{std::chrono::days(7)};
  std::vector<TagRule> rules;  ///< the first that matches wins
  bool operator==(const Tags&) const = default;
};

struct Upstream {
  std::string name;  ///< lower case, "docker.io"
  std::vector<std::string> aliases;
  std::vector<Endpoint> endpoints;      ///< at least one
  std::vector<Credential> credentials;  ///< credentials.h defines the endpoints that receive them
  bool restricted = false;              ///< "access": "restricted"
  std::optional<std::filesystem::path> ca_file;  ///< PEM; absent: the CA certificates of the system
  OutgoingProxy proxy;
  bool internal = false;  ///< redirects and realms may lead to private addresses
  /// Hosts of token services besides the endpoints' own domains: lower case, no port.
  std::vector<std::string> token_hosts;
  Tags tags;
  std::vector<std::string> deny;  ///< policy.NAME.deny: globs of repositories that nobody may pull
  bool operator==(const Upstream&) const = default;
};

/// A size, or a part of the file system of the cache's directory.
struct DiskSize {
  // NOLINTNEXTLINE(google-explicit-constructor): bytes are what most sizes are
  DiskSize(std::uint64_t size = 0) : bytes(size) {}
  static DiskSize part(int percent) {
    DiskSize size;
    size.percent = percent;
    return size;
  }
  std::uint64_t bytes;  ///< without percent
  int percent = 0;      ///< 1 to 100, or 0: the size is in bytes
  bool operator==(const DiskSize&) const = default;
};

struct Cache {
  std::filesystem::path directory;
  DiskSize max_size = 100ULL << 30;
  DiskSize reserve_free = 5ULL << 30;
  std::vector<std::string> pin;           ///< globs of repositories that are never evicted
  std::uint64_t scrub_rate = 4ULL << 20;  ///< bytes per second; 0: never
  bool operator==(const Cache&) const = default;
};

struct Threads {
  int serve = 0;  ///< 0: one per core
  int fetch = 1;  ///< 0: one per core
  int store = 4;
  bool operator==(const Threads&) const = default;
};

struct Timeouts {
  Milliseconds connect{std::chrono::seconds(5)};
  Milliseconds first_byte{std::chrono::seconds(30)};
  Milliseconds stall{std::chrono::seconds(20)};
  Milliseconds header{std::chrono::seconds(10)};
  Milliseconds idle{std::chrono::seconds(75)};
  Milliseconds send{std::chrono::seconds(60)};
  Milliseconds drain{std::chrono::seconds(25)};
  bool operator==(const Timeouts&) const = default;
};

struct Limits {
  std::uint64_t connections = 10000;
  std::uint64_t connections_per_client = 64;
  std::uint64_t requests_per_client = 5000;
  std::uint64_t misses_per_client = 1000;
  /// Bytes per second; 0: no bound. Otherwise at least least_bandwidth.
  std::uint64_t bandwidth_per_client = 0;
  static constexpr std::uint64_t least_bandwidth = 64 * 1024;
  std::uint64_t max_blob = 64ULL << 30;
  std::uint64_t transfers_per_blob = 8;
  bool operator==(const Limits&) const = default;
};

struct Log {
  std::string level = "info";  ///< trace debug info warn error
  bool json = false;           ///< "format": "json"
  bool access = true;
  std::optional<std::filesystem::path> access_file = {};  ///< takes the access lines
  int access_sample = 1;  ///< one of so many whole replies from the cache gets a line
  bool operator==(const Log&) const = default;
};

/// A rule about who may pull what. proxy/access has the grammar of the texts.
struct AccessRule {
  std::vector<std::string> who, repositories;
  bool allow = true;
  bool operator==(const AccessRule&) const = default;
};

struct Access {
  /// The first rule that matches decides; if none matches, the request is refused. Absent: each
  /// listener serves everybody, or with `auth` or a client certificate everybody with a name.
  std::optional<std::vector<AccessRule>> rules;
  std::map<std::string, std::vector<std::string>> groups;  ///< users of each group
  bool operator==(const Access&) const = default;
};

struct Registry {
  bool catalog = false;  ///< answer /v2/_catalog
  bool operator==(const Registry&) const = default;
};

/// A file that the service manager has handed over, in the place of the one beside the
/// configuration (named_files.h).
struct HandedOver {
  std::filesystem::path own, copy;
  bool operator==(const HandedOver&) const = default;
};

struct Config {
  std::vector<Listener> listen;
  std::optional<Admin> admin;    ///< absent: no admin listener
  std::string default_upstream;  ///< a name in `upstreams`, or empty for none
  std::vector<Upstream> upstreams;
  Access access;
  Registry registry;
  Cache cache;
  Threads threads;
  Timeouts timeouts;
  Limits limits;
  Log log;
  std::vector<HandedOver> handed_over;  ///< no key: what find_named_files() has found
  bool operator==(const Config&) const = default;
};

}  // namespace entrepot::conf
