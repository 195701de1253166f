// SPDX-License-Identifier: Apache-2.0
// One function for each object of the file.
#include "conf/decode_listen.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "conf/json/units.h"
#include "conf/read_values.h"

namespace entrepot::conf {
namespace {

constexpr auto most_leeway = std::chrono::minutes(10);

ListenerTls read_tls(ObjectReader& in) {
  ListenerTls tls;
  in.objects("certificates", [&](ObjectReader& entry) {
    std::string certificate, key;
    required(entry, "certificate", certificate, nullptr);
    required(entry, "key", key, nullptr);
    tls.certificates.push_back({certificate, key});
  });
  if (tls.certificates.empty() && !in.problems().has_error(in.path("certificates")))
    in.problems().error(in.path("certificates"),
                        "missing: TLS needs at least one certificate with its key");
  tls.client_ca = read_file_name(in, "client_ca");
  std::size_t demand = 0;
  in.word("client_certificate", demand, {"required", "optional"});
  tls.client_required = demand == 0;
  if (in.find("client_certificate") != nullptr && !tls.client_ca)
    in.problems().error(in.path("client_certificate"),
                        "needs client_ca, a file with the authorities of the clients");
  return tls;
}

/// Reads a text, or a list of texts, of which there has to be one.
void read_audience(ObjectReader& in, std::vector<std::string>& audience) {
  const auto errors = in.problems().errors.size();
  const auto* found = in.find("audience");
  if (found != nullptr && found->is_string())
    audience.push_back(found->get<std::string>());
  else
    read_texts(in, "audience", audience);
  if (in.problems().errors.size() > errors) return;
  if (audience.empty())
    in.problems().error(in.path("audience"),
                        "missing: only tokens for this audience are accepted, such as entrepot");
  for (const auto& each : audience)
    if (each.empty()) in.problems().error(in.path("audience"), "an audience is empty; remove it");
}

/// Reads the keys that tell where the public keys are.
void read_key_source(ObjectReader& in, JwtIssuer& issuer) {
  const auto errors = in.problems().errors.size();
  issuer.keys = read_file_name(in, "keys");
  in.boolean("discovery", issuer.discovery);
  issuer.ca = read_file_name(in, "ca");
  issuer.token_file = read_file_name(in, "token_file");
  if (in.problems().errors.size() > errors) return;
  if (issuer.keys && issuer.discovery)
    in.problems().error(in.path("keys"), "the keys come from the discovery; remove one of the two");
  if (!issuer.keys && !issuer.discovery)
    in.problems().error(in.path("keys"),
                        "missing: give a file with the public keys, or \"discovery\": true");
  if (issuer.discovery && !issuer.issuer.starts_with("https://"))
    in.problems().error(in.path("issuer"), "the discovery needs an https:// URL");
  for (const auto& [key, file] : {std::pair("ca", &issuer.ca), {"token_file", &issuer.token_file}})
    if (*file && !issuer.discovery)
      in.problems().error(in.path(key), "is for the discovery only; remove it");
}

JwtIssuer read_issuer(ObjectReader& in) {
  JwtIssuer issuer;
  required(in, "issuer", issuer.issuer, nullptr);
  read_audience(in, issuer.audience);
  read_key_source(in, issuer);
  required(in, "user", issuer.user, nullptr);
  in.text("user_prefix", issuer.user_prefix);
  in.text("groups", issuer.groups);
  in.duration("leeway", issuer.leeway, std::chrono::milliseconds(0));
  if (issuer.leeway > most_leeway)
    in.problems().error(in.path("leeway"), "longer than 10m; set the clocks instead");
  return issuer;
}

void read_issuers(ObjectReader& in, ListenerAuth& auth) {
  in.objects("jwt", [&](ObjectReader& entry) {
    auto issuer = read_issuer(entry);
    const bool twice = std::any_of(auth.jwt.begin(), auth.jwt.end(), [&](const JwtIssuer& other) {
      return other.issuer == issuer.issuer;
    });
    if (twice && !issuer.issuer.empty())
      entry.problems().error(entry.path("issuer"), "is in the list already; join the two entries");
    auth.jwt.push_back(std::move(issuer));
  });
}

ListenerAuth read_auth(ObjectReader& in) {
  ListenerAuth auth;
  const auto errors = in.problems().errors.size();
  auth.htpasswd = read_file_name(in, "htpasswd");
  auth.tokens = read_file_name(in, "tokens");
  read_issuers(in, auth);
  std::size_t challenge = 0;
  in.word("challenge", challenge, {"direct", "never"});
  auth.challenge = challenge == 0;
  if (!auth.htpasswd && !auth.tokens && auth.jwt.empty() && in.problems().errors.size() == errors)
    in.problems().error(in.path(), "needs htpasswd or tokens, a file with the logins, or jwt");
  return auth;
}

TrustedProxies read_trusted_proxies(ObjectReader& in) {
  TrustedProxies proxies;
  const auto errors = in.problems().errors.size();
  read_texts(in, "networks", proxies.networks);
  if (proxies.networks.empty() && in.problems().errors.size() == errors)
    in.problems().error(in.path("networks"),
                        "missing: give the networks of the proxies, such as 10.0.0.9/32");
  std::size_t protocol = 0;
  in.word("protocol", protocol, {"proxy-protocol", "x-forwarded-for"});
  if (in.find("protocol") == nullptr)
    in.problems().error(in.path("protocol"),
                        "missing: proxy-protocol or x-forwarded-for, as the proxies send it");
  proxies.x_forwarded_for = protocol == 1;
  return proxies;
}

/// The mode of the unix socket at `address`.
unsigned read_mode(ObjectReader& in, std::string_view address) {
  if (in.find("mode") == nullptr) return default_socket_mode;
  std::string text;
  const auto errors = in.problems().errors.size();
  in.text("mode", text);
  if (in.problems().errors.size() > errors) return default_socket_mode;
  const auto mode = parse_mode(text);
  if (!mode)
    in.problems().error(in.path("mode"), shown(Json(text)) +
                                             " is not a mode: give octal digits for owner, group "
                                             "and others, such as \"0660\"");
  else if (!address.empty() && !is_unix(address))
    in.problems().error(in.path("mode"), "only a unix socket has one; remove it");
  return mode.value_or(default_socket_mode);
}

/// Reads the keys that the listeners for clients and the admin listener have in common.
Listener read_door(ObjectReader& in) {
  Listener listener;
  required(in, "address", listener.address, fault_of_address);
  read_optional(in, "tls", listener.tls, read_tls);
  listener.mode = read_mode(in, listener.address);
  read_texts(in, "networks", listener.networks);
  read_optional(in, "auth", listener.auth, read_auth);
  return listener;
}

Listener read_listener(ObjectReader& in) {
  Listener listener = read_door(in);
  read_optional(in, "trusted_proxies", listener.trusted_proxies, read_trusted_proxies);
  return listener;
}

Admin read_admin(ObjectReader& in) {
  Admin admin;
  admin.listener = read_door(in);
  in.texts("hosts", [&](const std::string& host, const std::string& path) {
    add_error(in.problems(), path, fault_of_host(host));
    admin.hosts.push_back(host);
  });
  for (const auto& [key, holders] : {std::pair("probes", &admin.probes),
                                     {"metrics", &admin.metrics},
                                     {"read", &admin.read},
                                     {"change", &admin.change}})
    if (in.find(key) != nullptr) read_texts(in, key, holders->emplace());
  return admin;
}

void read_list(ObjectReader& in, std::string_view key, std::vector<std::string>& texts) {
  const auto errors = in.problems().errors.size();
  read_texts(in, key, texts);
  if (texts.empty() && in.problems().errors.size() == errors)
    in.problems().error(in.path(key), "missing: a rule needs at least one entry");
}

AccessRule read_rule(ObjectReader& in) {
  AccessRule rule;
  read_list(in, "who", rule.who);
  read_list(in, "repositories", rule.repositories);
  in.boolean("allow", rule.allow);
  return rule;
}

void read_access(ObjectReader& in, Access& access) {
  if (const auto* found = in.find("access"); found != nullptr && !found->is_null()) {
    auto& rules = access.rules.emplace();
    in.objects("access", [&](ObjectReader& rule) { rules.push_back(read_rule(rule)); });
  }
  in.entries("groups",
             [&](const std::string& name, const Json&) { access.groups.try_emplace(name); });
  in.object("groups", [&](ObjectReader& groups) {
    for (auto& [name, users] : access.groups) read_texts(groups, name, users);
  });
}

}  // namespace

void decode_listen(ObjectReader& in, Config& config) {
  in.objects("listen", [&](ObjectReader& entry) { config.listen.push_back(read_listener(entry)); });
  read_optional(in, "admin", config.admin, read_admin);
  read_access(in, config.access);
}

void decode_policy(ObjectReader& in, Config& config) {
  in.entries("policy", [&](const std::string& name, const Json& value) {
    ObjectReader policy(value, in.path("policy") + "." + name, in.problems());
    const auto upstream = std::find_if(config.upstreams.begin(), config.upstreams.end(),
                                       [&](const Upstream& each) { return each.name == name; });
    std::vector<std::string> deny;
    read_texts(policy, "deny", deny);
    if (upstream != config.upstreams.end())
      upstream->deny = std::move(deny);
    else
      in.problems().error(policy.path(), "no upstream of this name is configured");
  });
}

}  // namespace entrepot::conf
