// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/access_cli/explanation.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "conf/grammar.h"
#include "conf/json/problems.h"
#include "metrics/printable.h"
#include "proxy/access/jwt/issuers.h"

namespace entrepot::app {
namespace {

/// The verdict of one listener.
struct Verdict {
  bool allowed = false;
  std::string text;
};

bool admits(const ExplainedListener& listener, const IpAddress& address) {
  const bool left_out = !address.known() && listener.knows_addresses();
  return listener.networks.empty() || left_out ||
         std::any_of(listener.networks.begin(), listener.networks.end(),
                     [&](const Network& network) { return network.contains(address); });
}

/// The value of `iss`; empty without one.
std::string_view issuer_of(const access::Claims& claims) {
  const auto* values = claims.find("/iss");
  return values == nullptr ? std::string_view() : values->front();
}

bool may_be_of(const ExplainedIssuer& issuer, const access::Claims& claims) {
  const std::string_view name = issuer_of(claims);
  return name.empty() || name == issuer.name;
}

/// Appends the groups of a JWT by the issuers of a listener; they stay sorted.
void add_groups(const ExplainedListener& listener, const access::Claims* claims,
                std::vector<std::string>& groups) {
  if (claims == nullptr) return;
  for (const auto& issuer : listener.issuers)
    if (issuer.groups && may_be_of(issuer, *claims))
      for (auto& group : access::groups_of(*claims, *issuer.groups))
        groups.push_back(std::move(group));
  std::sort(groups.begin(), groups.end());
}

/// The caller without what the listener does not learn; adds the differences to `text`.
access::Caller seen_by(const ExplainedListener& listener, access::Caller caller,
                       std::string& text) {
  if (!caller.user.empty() && !listener.logins) {
    text += "ignores logins; ";
    caller.user = {};
    caller.claims = nullptr;
  }
  if (!caller.certificate.empty() && !listener.asks_for_certificate) {
    text += "asks for no certificate; ";
    caller.certificate = {};
  }
  if (!listener.knows_addresses() && caller.address.known()) {
    text += "knows no addresses; ";
    caller.address = IpAddress();
  }
  // A client behind a proxy has an address, and the user id is that of the proxy.
  if ((!listener.unix_socket || caller.address.known()) && caller.uid) {
    text += "knows no user ids; ";
    caller.uid.reset();
  }
  return caller;
}

std::string names_needed(const ExplainedListener& listener) {
  if (listener.logins && listener.asks_for_certificate) return "a login or a client certificate";
  return listener.logins ? "a login" : "a client certificate";
}

/// The fault of a caller that the listener refuses whatever it asks for; empty: none.
std::string refusal_of(const ExplainedListener& listener, const access::Caller& seen,
                       bool has_rules) {
  if (listener.unix_socket && !seen.uid && !seen.address.known())
    return "refused: each client of a unix socket has a user id; give its number with --uid";
  if (listener.needs_certificate && seen.certificate.empty())
    return "refused: the listener needs a client certificate";
  if (seen.claims != nullptr && listener.issuers.empty())
    return "refused: the listener accepts no JWT";
  if (seen.claims != nullptr &&
      std::none_of(listener.issuers.begin(), listener.issuers.end(),
                   [&](const auto& issuer) { return may_be_of(issuer, *seen.claims); }))
    return "refused: the listener has no issuer " + printable(issuer_of(*seen.claims));
  if (!admits(listener, seen.address))
    return "refused: networks of the listener do not contain " + seen.address.text();
  const bool named_only = listener.logins || listener.asks_for_certificate;
  if (!has_rules && named_only && seen.anonymous())
    return "refused: the listener needs " + names_needed(listener);
  return "";
}

Verdict verdict_of(const access::Rules& rules, const ExplainedListener& listener,
                   const access::Caller& caller, std::string_view upstream,
                   std::string_view repository) {
  Verdict verdict;
  access::Caller seen = seen_by(listener, caller, verdict.text);
  std::vector<std::string> groups;
  add_groups(listener, seen.claims, groups);
  seen.groups = groups;
  if (!listener.networks.empty() && listener.knows_addresses() && !seen.address.known())
    verdict.text += "its networks are left out, because no --address is given; ";
  const std::string refusal = refusal_of(listener, seen, rules.has_rules());
  const access::Decision decision = rules.decide(seen, upstream, repository);
  verdict.allowed = refusal.empty() && decision.allowed;
  verdict.text += refusal.empty() ? access::decision_text(decision, upstream) : refusal;
  return verdict;
}

}  // namespace

ExplainedListener explained_listener(const conf::Listener& listener, std::size_t index,
                                     std::vector<Network> networks) {
  std::vector<ExplainedIssuer> issuers;
  for (const auto& issuer : listener.auth ? listener.auth->jwt : std::vector<conf::JwtIssuer>()) {
    const auto name = access::ClaimName::parse(issuer.groups);
    const auto* groups = std::get_if<access::ClaimName>(&name);
    issuers.push_back({issuer.issuer, groups == nullptr ? std::nullopt : std::optional(*groups)});
  }
  const bool asks = listener.tls && listener.tls->client_ca;
  return {.place = conf::indexed("listen", index) + " " + printable(listener.address),
          .logins = listener.auth.has_value(),
          .issuers = std::move(issuers),
          .asks_for_certificate = asks,
          .needs_certificate = asks && listener.tls->client_required,
          .unix_socket = conf::is_unix(listener.address),
          .behind_proxies = listener.trusted_proxies.has_value(),
          .networks = std::move(networks)};
}

Explanation explain(const access::Rules* rules, const std::vector<ExplainedListener>& listeners,
                    const access::Caller& caller, std::string_view upstream,
                    std::string_view repository) {
  const access::Rules none;
  const access::Rules& used = rules == nullptr ? none : *rules;
  Explanation explanation;
  std::vector<std::string> groups;
  for (const auto& listener : listeners) add_groups(listener, caller.claims, groups);
  access::Caller with_groups = caller;
  with_groups.groups = groups;
  explanation.lines = used.explain(with_groups, upstream, repository);
  // The verdicts of the listeners follow, which differ from that of the rules alone.
  explanation.lines.pop_back();
  for (const auto& listener : listeners) {
    const Verdict verdict = verdict_of(used, listener, caller, upstream, repository);
    explanation.lines.push_back(listener.place + ": " + verdict.text);
    explanation.allowed |= verdict.allowed;
  }
  explanation.lines.emplace_back(explanation.allowed ? "allowed" : "refused");
  return explanation;
}

}  // namespace entrepot::app
