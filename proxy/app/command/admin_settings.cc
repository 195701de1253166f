// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/admin_settings.h"

#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "conf/grammar.h"
#include "proxy/access/login/sha256.h"
#include "proxy/access/rule_table.h"
#include "proxy/access/who.h"

namespace entrepot::app {
namespace {

using admin::Right;
using admin::Rights;

const std::optional<std::vector<std::string>>& holders(const conf::Admin& admin, Right right) {
  switch (right) {
    case Right::probes:
      return admin.probes;
    case Right::metrics:
      return admin.metrics;
    case Right::read:
      return admin.read;
    case Right::change:
      break;
  }
  return admin.change;
}

/// Why no client of the listener can be the one that the term names; empty if one can.
std::string_view fault_of_term(std::string_view term, const conf::Listener& listener) {
  const auto kind = term.substr(0, term.find(':'));
  const bool is_unix = conf::is_unix(listener.address);
  if (!listener.auth && (kind == "login" || kind == "user" || kind == "group" || kind == "claim"))
    return "no client has a login here; add admin.auth";
  if (kind == "cert" && (!listener.tls || !listener.tls->client_ca))
    return "no client has a certificate here; add admin.tls.client_ca";
  if (kind == "uid" && !is_unix)
    return "only clients of a unix socket have a user id; use another term";
  if (kind == "net" && is_unix)
    return "clients of a unix socket have no address; use uid:NUMBER, or admin.mode";
  return {};
}

Rights::Holders parse(const std::vector<std::string>& terms, const std::string& path,
                      const conf::Listener& listener, const access::Groups& groups,
                      conf::Problems& problems) {
  Rights::Holders parsed;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    auto who = access::Who::parse(terms[i], groups);
    const auto where = conf::indexed(path, i);
    if (const auto* fault = std::get_if<access::Fault>(&who))
      problems.error(where, fault->text);
    else if (const auto why = fault_of_term(terms[i], listener); !why.empty())
      problems.error(where, std::string(why));
    else
      parsed.push_back(std::get<access::Who>(std::move(who)));
  }
  return parsed;
}

Rights rights_of(const conf::Config& config, bool named_only, conf::Problems& problems) {
  const auto groups = access::groups_of(rules_text(config));
  Rights::Table table;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto right = static_cast<Right>(i);
    if (const auto& terms = holders(*config.admin, right))
      table[i] = parse(*terms, "admin." + std::string(metrics::to_string(right)),
                       config.admin->listener, groups, problems);
  }
  return {std::move(table), named_only};
}

/// The text of everything in the doors but for `rules`.
std::string text_of(const conf::Admin& admin, const std::vector<std::string>& hosts) {
  std::string text;
  const auto append = [&](const std::vector<std::string>& list) {
    text += std::to_string(list.size());
    for (const auto& entry : list)
      text.append(",").append(std::to_string(entry.size())).append(":").append(entry);
  };
  for (std::size_t i = 0; i < metrics::count_of<Right>; ++i) {
    const auto& terms = holders(admin, static_cast<Right>(i));
    text += terms ? "list " : "usual ";
    if (terms) append(*terms);
  }
  append(hosts);
  return text;
}

}  // namespace

AdminSettings load_admin(const conf::Config& config, const LoadedRules& rules,
                         ListenerTickets& tickets, conf::Problems& problems) {
  AdminSettings settings;
  settings.context = load_admin_context(config, tickets, problems);
  auto doors = std::make_shared<admin::Doors>();
  doors->listener = rules.rules;
  doors->rights = rights_of(config, rules.rules->named_only, problems);
  doors->hosts = config.admin->hosts;
  if (settings.context != nullptr)
    for (const auto& identity : settings.context->identities())
      doors->hosts.insert(doors->hosts.end(), identity.hosts.begin(), identity.hosts.end());
  settings.digest =
      access::hex(access::sha256_of(rules.digest + text_of(*config.admin, doors->hosts)));
  settings.doors = std::move(doors);
  return settings;
}

}  // namespace entrepot::app
