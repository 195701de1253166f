// SPDX-License-Identifier: Apache-2.0
// One function for each object of the file, in the order of the table in the README.
#include "conf/decode.h"

#include <algorithm>
#include <array>

#include "conf/decode_listen.h"
#include "conf/proxy_environment.h"
#include "conf/read_values.h"

namespace entrepot::conf {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view docker_hub = "docker.io";

Credential read_credential(ObjectReader& in) {
  Credential credential;
  required(in, "username", credential.username, nullptr);
  if (credential.username.find(':') != std::string::npos)
    in.problems().error(in.path("username"), "must hold no ':' (RFC 7617)");
  std::string file;
  required(in, "password_file", file, nullptr);
  credential.password_file = file;
  return credential;
}

void read_credentials(ObjectReader& in, std::vector<Credential>& credentials) {
  in.objects("credentials",
             [&](ObjectReader& credential) { credentials.push_back(read_credential(credential)); });
}

Endpoint read_endpoint(ObjectReader& in) {
  Endpoint endpoint;
  required(in, "url", endpoint.url, fault_of_url);
  in.text("region", endpoint.region);
  in.boolean("ns", endpoint.ns);
  read_credentials(in, endpoint.credentials);
  return endpoint;
}

Tags read_tags(ObjectReader& in) {
  Tags tags;
  in.duration("fresh_for", tags.fresh_for, 0ms);
  in.duration("stale_for", tags.stale_for, 0ms);
  in.objects("rules", [&](ObjectReader& rule_in) {
    TagRule rule;
    required(rule_in, "match", rule.match, nullptr);
    if (!rule.match.empty())
      add_error(in.problems(), rule_in.path("match"), fault_of_regex(rule.match));
    rule.fresh_for = tags.fresh_for;
    rule_in.duration("fresh_for", rule.fresh_for, 0ms);
    tags.rules.push_back(std::move(rule));
  });
  return tags;
}

OutgoingProxy read_proxy(ObjectReader& in) {
  OutgoingProxy proxy;
  bool from_environment = false;
  in.boolean("from_environment", from_environment);
  const bool has_url = in.find("url") != nullptr;
  if (has_url || !from_environment) required(in, "url", proxy.for_https.url, fault_of_proxy_url);
  in.texts("except", [&](const std::string& entry, const std::string& path) {
    add_error(in.problems(), path, fault_of_exception(entry));
    proxy.except.push_back(entry);
  });
  proxy.ca_file = read_file_name(in, "ca_file");
  if (in.find("username") != nullptr || in.find("password_file") != nullptr)
    proxy.for_https.account = read_credential(in);
  proxy.for_http = proxy.for_https;
  if (!from_environment) return proxy;
  if (has_url) in.problems().error(in.path("url"), "remove it, or from_environment");
  add_environment(proxy, in.path(), in.problems());
  return proxy;
}

Upstream read_upstream(const std::string& name, ObjectReader& in) {
  Upstream upstream;
  upstream.name = name;
  add_error(in.problems(), in.path(), fault_of_name(name));
  in.texts("aliases", [&](const std::string& alias, const std::string& path) {
    add_error(in.problems(), path, fault_of_name(alias));
    upstream.aliases.push_back(alias);
  });
  in.objects("endpoints", [&](ObjectReader& endpoint) {
    upstream.endpoints.push_back(read_endpoint(endpoint));
  });
  if (upstream.endpoints.empty() && !in.problems().has_error(in.path("endpoints")))
    in.problems().error(in.path("endpoints"), "missing: an upstream needs at least one endpoint");
  read_credentials(in, upstream.credentials);
  std::size_t access = 0;
  in.word("access", access, {"public", "restricted"});
  upstream.restricted = access == 1;
  upstream.ca_file = read_file_name(in, "ca_file");
  if (const auto* proxy = in.find("proxy"); proxy != nullptr && !proxy->is_null())
    in.object("proxy", [&](ObjectReader& entry) { upstream.proxy = read_proxy(entry); });
  in.boolean("internal", upstream.internal);
  in.texts("token_hosts", [&](const std::string& host, const std::string& path) {
    add_error(in.problems(), path, fault_of_host(host));
    upstream.token_hosts.push_back(host);
  });
  in.object("tags", [&](ObjectReader& tags) { upstream.tags = read_tags(tags); });
  return upstream;
}

Cache read_cache(ObjectReader& in) {
  Cache cache;
  std::string directory;
  if (in.find("directory") != nullptr) required(in, "directory", directory, nullptr);
  cache.directory = directory;
  read_disk_size(in, "max_size", cache.max_size, 1);
  read_disk_size(in, "reserve_free", cache.reserve_free, 0);
  in.size("scrub_rate", cache.scrub_rate, 0);
  in.texts("pin", [&](const std::string& pattern, const std::string& path) {
    const bool printable =
        std::all_of(pattern.begin(), pattern.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (pattern.empty() || pattern.size() > 512 || !printable)
      in.problems().error(path,
                          "expected a repository pattern such as \"library/*\", of at most 512 "
                          "characters");
    else
      cache.pin.push_back(pattern);
  });
  return cache;
}

Threads read_threads(ObjectReader& in) {
  Threads threads;
  in.integer("serve", threads.serve, 0, 1024);
  in.integer("fetch", threads.fetch, 0, 64);
  in.integer("store", threads.store, 2, 256);
  return threads;
}

Timeouts read_timeouts(ObjectReader& in) {
  Timeouts timeouts;
  in.duration("connect", timeouts.connect, 1ms);
  in.duration("first_byte", timeouts.first_byte, 1ms);
  in.duration("stall", timeouts.stall, 1ms);
  in.duration("header", timeouts.header, 1ms);
  in.duration("idle", timeouts.idle, 1ms);
  in.duration("send", timeouts.send, 1ms);
  in.duration("drain", timeouts.drain, 0ms);
  return timeouts;
}

Limits read_limits(ObjectReader& in) {
  Limits limits;
  in.integer("connections", limits.connections, 1, 1'000'000);
  in.integer("connections_per_client", limits.connections_per_client, 1, 1'000'000);
  in.integer("requests_per_client", limits.requests_per_client, 1, 1'000'000);
  in.integer("misses_per_client", limits.misses_per_client, 1, 1'000'000);
  in.size("bandwidth_per_client", limits.bandwidth_per_client, 0);
  in.size("max_blob", limits.max_blob, 1);
  in.integer("transfers_per_blob", limits.transfers_per_blob, 1, 32);
  return limits;
}

Log read_log(ObjectReader& in) {
  static constexpr std::array levels = {"trace", "debug", "info", "warn", "error"};
  Log log;
  std::size_t level = 2, format = 0;
  in.word("level", level, {levels[0], levels[1], levels[2], levels[3], levels[4]});
  log.level = levels[level];
  in.word("format", format, {"text", "json"});
  log.json = format == 1;
  in.boolean("access", log.access);
  log.access_file = read_file_name(in, "access_file");
  in.integer("access_sample", log.access_sample, 1, 1'000'000);
  return log;
}

void read_upstreams(ObjectReader& in, Config& config, Problems& problems) {
  in.entries("upstreams", [&](const std::string& name, const Json& value) {
    ObjectReader upstream(value, in.path("upstreams") + "." + name, problems);
    if (upstream.valid()) config.upstreams.push_back(read_upstream(name, upstream));
  });
}

/// Without the key: Docker Hub if configured, else the only upstream, else none. With null: none.
void read_default_upstream(ObjectReader& in, Config& config) {
  const auto& upstreams = config.upstreams;
  const auto* name = in.find("default_upstream");
  if (name == nullptr) {
    const bool hub = std::any_of(upstreams.begin(), upstreams.end(),
                                 [](const Upstream& each) { return each.name == docker_hub; });
    if (hub)
      config.default_upstream = docker_hub;
    else if (upstreams.size() == 1)
      config.default_upstream = upstreams.front().name;
  } else if (!name->is_null()) {
    required(in, "default_upstream", config.default_upstream, nullptr);
  }
}

}  // namespace

Config decode(const Json& document, Problems& problems) {
  Config config;
  ObjectReader in(document, "", problems);
  decode_listen(in, config);
  read_upstreams(in, config, problems);
  decode_policy(in, config);
  read_default_upstream(in, config);
  in.object("registry",
            [&](ObjectReader& entry) { entry.boolean("catalog", config.registry.catalog); });
  in.object("cache", [&](ObjectReader& entry) { config.cache = read_cache(entry); });
  in.object("threads", [&](ObjectReader& entry) { config.threads = read_threads(entry); });
  in.object("timeouts", [&](ObjectReader& entry) { config.timeouts = read_timeouts(entry); });
  in.object("limits", [&](ObjectReader& entry) { config.limits = read_limits(entry); });
  in.object("log", [&](ObjectReader& entry) { config.log = read_log(entry); });
  return config;
}

}  // namespace entrepot::conf
