// SPDX-License-Identifier: Apache-2.0
// One function for each object of the file, as in decode.cc.
#include "conf/key_values.h"

#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

namespace entrepot::conf {
namespace {

using namespace std::chrono_literals;

std::string element_of(std::string list, std::string_view value) {
  return list.append("[").append(value).append("]");
}

/// Appends the keys of one object.
class Writer {
 public:
  explicit Writer(std::vector<KeyValue>& out) : out_(out) {}

  Writer object(std::string_view name) const { return {out_, join(key_, name), join(row_, name)}; }
  /// An object under a name, which is no entry of its own.
  Writer under(const std::string& name) const { return {out_, join(key_, name), row_ + ".NAME"}; }

  void text(std::string_view name, std::string_view value, bool secret = false) const {
    out_.push_back({join(key_, name), join(row_, name), std::string(value), {}, secret});
  }
  void boolean(std::string_view name, bool value) const { text(name, value ? "true" : "false"); }
  template <typename Integer>
  void number(std::string_view name, Integer value) const {
    text(name, std::to_string(value));
  }
  void size(std::string_view name, std::uint64_t value) const { text(name, size_text(value)); }
  void disk_size(std::string_view name, const DiskSize& value) const {
    text(name, value.percent > 0 ? std::to_string(value.percent) + "%" : size_text(value.bytes));
  }
  void duration(std::string_view name, Milliseconds value) const {
    text(name, duration_text(value));
  }
  void file(std::string_view name, const std::optional<std::filesystem::path>& value) const {
    text(name, value ? value->string() : "null");
  }

  /// An entry of the list `name` of objects; `row`: the key of its name.
  Writer entry(std::string_view name, const std::string& entry, std::string_view row) const {
    const auto list = join(key_, name);
    const auto list_row = join(row_, name) + "[]";
    Writer made{out_, list + "[" + entry + "]", list_row};
    out_.push_back({made.key_, join(list_row, row), entry, list});
    return made;
  }
  /// An entry of the object `name`, whose keys are names.
  Writer named(std::string_view name, const std::string& entry) const {
    const auto object = join(key_, name);
    Writer made{out_, join(object, entry), join(row_, name) + ".NAME"};
    out_.push_back({made.key_, made.row_, entry, object});
    return made;
  }
  void texts(std::string_view name, const std::vector<std::string>& values) const {
    const auto list = join(key_, name);
    for (const auto& value : values)
      out_.push_back({element_of(list, value), join(row_, name) + "[]", value, list});
  }
  /// The list that this object is itself.
  void own_texts(const std::vector<std::string>& values) const {
    for (const auto& value : values)
      out_.push_back({element_of(key_, value), row_ + "[]", value, key_});
  }

 private:
  Writer(std::vector<KeyValue>& out, std::string key, std::string row)
      : out_(out), key_(std::move(key)), row_(std::move(row)) {}

  static std::string join(const std::string& before, std::string_view name) {
    return before.empty() ? std::string(name) : before + "." + std::string(name);
  }

  std::vector<KeyValue>& out_;
  std::string key_, row_;
};

std::string mode_text(unsigned mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode);
  return text.data();
}

void write_issuer(const Writer& auth, const JwtIssuer& issuer) {
  const auto out = auth.entry("jwt", issuer.issuer, "issuer");
  out.texts("audience", issuer.audience);
  out.file("keys", issuer.keys);
  out.text("user", issuer.user);
  out.text("user_prefix", issuer.user_prefix);
  out.text("groups", issuer.groups);
  out.boolean("discovery", issuer.discovery);
  out.file("ca", issuer.ca);
  out.file("token_file", issuer.token_file);
  out.duration("leeway", issuer.leeway);
}

/// The keys that listeners for clients and the admin listener share.
void write_door(const Writer& out, const Listener& listener) {
  if (listener.tls) {
    const auto tls = out.object("tls");
    for (const auto& files : listener.tls->certificates)
      tls.entry("certificates", files.certificate.string(), "certificate")
          .text("key", files.key.string());
    tls.file("client_ca", listener.tls->client_ca);
    tls.text("client_certificate", listener.tls->client_required ? "required" : "optional");
  }
  out.texts("networks", listener.networks);
  if (listener.auth) {
    const auto auth = out.object("auth");
    auth.file("htpasswd", listener.auth->htpasswd);
    auth.file("tokens", listener.auth->tokens);
    for (const auto& issuer : listener.auth->jwt) write_issuer(auth, issuer);
    auth.text("challenge", listener.auth->challenge ? "direct" : "never");
  }
}

void write_listener(const Writer& out, const Listener& listener) {
  const auto entry = out.entry("listen", listener.address, "address");
  entry.text("mode", mode_text(listener.mode));
  write_door(entry, listener);
  if (!listener.trusted_proxies) return;
  const auto proxies = entry.object("trusted_proxies");
  proxies.texts("networks", listener.trusted_proxies->networks);
  proxies.text("protocol",
               listener.trusted_proxies->x_forwarded_for ? "x-forwarded-for" : "proxy-protocol");
}

void write_admin(const Writer& whole, const std::optional<Admin>& admin) {
  whole.text("admin", admin ? "present" : "null");
  if (!admin) return;
  const auto out = whole.object("admin");
  out.text("address", admin->listener.address);
  out.text("mode", mode_text(admin->listener.mode));
  out.text("tls", admin->listener.tls ? "present" : "null");
  out.texts("hosts", admin->hosts);
  write_door(out, admin->listener);
  for (const auto& [key, holders] : {std::pair("probes", &admin->probes),
                                     {"metrics", &admin->metrics},
                                     {"read", &admin->read},
                                     {"change", &admin->change}})
    if (*holders) out.texts(key, **holders);
}

/// Rules have no name: their text stands for it.
std::string name_of(const AccessRule& rule) {
  std::string text = rule.allow ? "allow" : "deny";
  for (const auto& who : rule.who) text.append(&who == rule.who.data() ? " " : ", ").append(who);
  for (const auto& each : rule.repositories)
    text.append(&each == rule.repositories.data() ? ": " : ", ").append(each);
  return text;
}

void write_access(const Writer& out, const Access& access) {
  if (access.rules) {
    for (const auto& rule : *access.rules) {
      const auto entry = out.entry("access", name_of(rule), "allow");
      entry.texts("who", rule.who);
      entry.texts("repositories", rule.repositories);
    }
  }
  const auto groups = out.object("groups");
  for (const auto& [name, users] : access.groups) groups.under(name).own_texts(users);
}

void write_credentials(const Writer& out, const std::vector<Credential>& credentials) {
  for (const auto& credential : credentials) {
    const auto entry = out.entry("credentials", credential.username, "username");
    entry.text("password_file", credential.password_file.string());
    entry.text("password", credential.password, true);
  }
}

void write_proxy(const Writer& upstream, const OutgoingProxy& proxy) {
  const auto out = upstream.object("proxy");
  const auto server = [&](const Writer& to, const ProxyServer& one) {
    to.text("url", one.url.empty() ? "null" : one.url);
    to.text("username", one.account ? one.account->username : "null");
    to.text("password_file", one.account ? one.account->password_file.string() : "null");
    to.text("password", one.account ? one.account->password : "", true);
  };
  server(out, proxy.for_https);
  // From the environment.
  if (proxy.for_http != proxy.for_https) server(out.object("http"), proxy.for_http);
  out.texts("except", proxy.except);
  out.file("ca_file", proxy.ca_file);
}

void write_tags(const Writer& upstream, const Tags& tags) {
  const auto out = upstream.object("tags");
  out.duration("fresh_for", tags.fresh_for);
  out.duration("stale_for", tags.stale_for);
  for (const auto& rule : tags.rules)
    out.entry("rules", rule.match, "match").duration("fresh_for", rule.fresh_for);
}

void write_upstream(const Writer& whole, const Upstream& upstream) {
  const auto out = whole.named("upstreams", upstream.name);
  for (const auto& endpoint : upstream.endpoints) {
    const auto entry = out.entry("endpoints", endpoint.url, "url");
    entry.boolean("ns", endpoint.ns);
    entry.text("region", endpoint.region);
    write_credentials(entry, endpoint.credentials);
  }
  out.texts("aliases", upstream.aliases);
  write_credentials(out, upstream.credentials);
  out.text("access", upstream.restricted ? "restricted" : "public");
  out.file("ca_file", upstream.ca_file);
  write_proxy(out, upstream.proxy);
  out.boolean("internal", upstream.internal);
  out.texts("token_hosts", upstream.token_hosts);
  write_tags(out, upstream.tags);
}

void write_cache(const Writer& out, const Cache& cache) {
  out.text("directory", cache.directory.string());
  out.disk_size("max_size", cache.max_size);
  out.disk_size("reserve_free", cache.reserve_free);
  out.texts("pin", cache.pin);
  out.size("scrub_rate", cache.scrub_rate);
}

void write_timeouts(const Writer& out, const Timeouts& timeouts) {
  out.duration("connect", timeouts.connect);
  out.duration("first_byte", timeouts.first_byte);
  out.duration("stall", timeouts.stall);
  out.duration("header", timeouts.header);
  out.duration("idle", timeouts.idle);
  out.duration("send", timeouts.send);
  out.duration("drain", timeouts.drain);
}

void write_limits(const Writer& out, const Limits& limits) {
  out.number("connections", limits.connections);
  out.number("connections_per_client", limits.connections_per_client);
  out.number("requests_per_client", limits.requests_per_client);
  out.number("misses_per_client", limits.misses_per_client);
  out.size("bandwidth_per_client", limits.bandwidth_per_client);
  out.size("max_blob", limits.max_blob);
  out.number("transfers_per_blob", limits.transfers_per_blob);
}

void write_log(const Writer& out, const Log& log) {
  out.text("level", log.level);
  out.text("format", log.json ? "json" : "text");
  out.boolean("access", log.access);
  out.file("access_file", log.access_file);
  out.number("access_sample", log.access_sample);
}

struct ShownUnit {
  std::string_view name;
  std::uint64_t factor;
};

template <std::size_t count>
std::string with_unit(std::uint64_t number, const std::array<ShownUnit, count>& largest_first) {
  for (const auto& [name, factor] : largest_first)
    if (number % factor == 0) return std::to_string(number / factor) + std::string(name);
  return std::to_string(number);
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  static constexpr std::array<ShownUnit, 4> units = {
      {{"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}}};
  return bytes == 0 ? "0" : with_unit(bytes, units);
}

std::string duration_text(Milliseconds time) {
  static constexpr std::array<ShownUnit, 5> units = {
      {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
  return time == 0ms ? "0s" : with_unit(static_cast<std::uint64_t>(time.count()), units);
}

std::vector<KeyValue> key_values(const Config& config) {
  std::vector<KeyValue> all;
  const Writer out(all);
  for (const auto& listener : config.listen) write_listener(out, listener);
  write_admin(out, config.admin);
  out.text("default_upstream", config.default_upstream.empty() ? "null" : config.default_upstream);
  write_access(out, config.access);
  for (const auto& upstream : config.upstreams) {
    if (!upstream.deny.empty())
      out.object("policy").under(upstream.name).texts("deny", upstream.deny);
    write_upstream(out, upstream);
  }
  out.object("registry").boolean("catalog", config.registry.catalog);
  write_cache(out.object("cache"), config.cache);
  const auto threads = out.object("threads");
  threads.number("serve", config.threads.serve);
  threads.number("fetch", config.threads.fetch);
  threads.number("store", config.threads.store);
  write_timeouts(out.object("timeouts"), config.timeouts);
  write_limits(out.object("limits"), config.limits);
  write_log(out.object("log"), config.log);
  return all;
}

}  // namespace entrepot::conf
