// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/access_cli/explanation.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "conf/grammar.h"
#include "conf/json/problems.h"
#include "metrics/printable.h"

namespace entrepot::app {
namespace {

/// The verdict of one listener.
struct Verdict {
  bool allowed = false;
  std::string text;
};

bool admits(const ExplainedListener& listener, const IpAddress& address) {
  const bool left_out = !address.known() && !listener.unix_socket;
  return listener.networks.empty() || left_out ||
         std::any_of(listener.networks.begin(), listener.networks.end(),
                     [&](const access::Network& network) { return network.contains(address); });
}

/// The caller without what the listener does not learn; adds the differences to `text`.
access::Caller seen_by(const ExplainedListener& listener, access::Caller caller,
                       std::string& text) {
  if (!caller.user.empty() && !listener.logins) {
    text += "ignores logins; ";
    caller.user = {};
  }
  if (!caller.certificate.empty() && !listener.asks_for_certificate) {
    text += "asks for no certificate; ";
    caller.certificate = {};
  }
  if (listener.unix_socket && caller.address.known()) {
    text += "knows no addresses; ";
    caller.address = IpAddress();
  }
  if (!listener.unix_socket && caller.uid) {
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
  if (listener.unix_socket && !seen.uid)
    return "refused: each client of a unix socket has a user id; give its number with --uid";
  if (listener.needs_certificate && seen.certificate.empty())
    return "refused: the listener needs a client certificate";
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
  const access::Caller seen = seen_by(listener, caller, verdict.text);
  if (!listener.networks.empty() && !listener.unix_socket && !seen.address.known())
    verdict.text += "its networks are left out, because no --address is given; ";
  const std::string refusal = refusal_of(listener, seen, rules.has_rules());
  const access::Decision decision = rules.decide(seen, upstream, repository);
  verdict.allowed = refusal.empty() && decision.allowed;
  verdict.text += refusal.empty() ? access::decision_text(decision, upstream) : refusal;
  return verdict;
}

}  // namespace

ExplainedListener explained_listener(const conf::Listener& listener, std::size_t index,
                                     std::vector<access::Network> networks) {
  const bool asks = listener.tls && listener.tls->client_ca;
  return {.place = conf::indexed("listen", index) + " " + printable(listener.address),
          .logins = listener.auth.has_value(),
          .asks_for_certificate = asks,
          .needs_certificate = asks && listener.tls->client_required,
          .unix_socket = conf::is_unix(listener.address),
          .networks = std::move(networks)};
}

Explanation explain(const access::Rules* rules, const std::vector<ExplainedListener>& listeners,
                    const access::Caller& caller, std::string_view upstream,
                    std::string_view repository) {
  const access::Rules none;
  const access::Rules& used = rules == nullptr ? none : *rules;
  Explanation explanation;
  explanation.lines = used.explain(caller, upstream, repository);
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
