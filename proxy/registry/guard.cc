// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/guard.h"

#include <optional>
#include <span>
#include <utility>

#include "metrics/log.h"
#include "proxy/access/jwt/identity.h"
#include "proxy/access/jwt/jwt.h"
#include "proxy/access/login/token.h"
#include "proxy/base/text.h"
#include "proxy/registry/pending.h"
#include "proxy/registry/reply/reply.h"

namespace entrepot::registry {
namespace {

using metrics::AccessRefusal;
using metrics::LoginResult;

/// RFC 7617; UTF-8, because the file of the users is compared by bytes.
constexpr std::string_view challenge = R"(Basic realm="Entrepot", charset="UTF-8")";
constexpr std::size_t longest_logged_name = 64;

access::Caller caller_of(const http::Peer& peer, const Call& call) {
  access::Caller caller;
  caller.address = peer.ip;
  caller.user = call.user;
  if (call.identity != nullptr) {
    caller.claims = &call.identity->claims;
    caller.groups = call.identity->groups;
  }
  caller.uid = peer.uid;
  if (peer.certificate != nullptr) caller.certificate = std::span(*peer.certificate);
  return caller;
}

Refusal busy() {
  return {{503, ErrorCode::unavailable, "too many logins wait for their verification",
           std::chrono::seconds(1)},
          RefusalReason::login_busy};
}

Refusal outside() {
  return {{403, ErrorCode::denied, "this listener does not serve the network of the client"},
          RefusalReason::network};
}

/// Whether a login could change the decision.
bool could_log_in(const Call& call, const ListenerRules& rules) {
  return rules.logins && call.user.empty();
}

std::string_view message_of(AccessRefusal reason) {
  return reason == AccessRefusal::deny_list
             ? "the deny list of this mirror holds the repository"
             : "the access rules of this mirror do not let this client pull from the repository";
}

}  // namespace

Guard::Guard(Registry& registry, Logins& logins, const metrics::Metrics& metrics,
             std::shared_ptr<const ListenerRules> rules, std::vector<loop::Loop*> loops)
    : registry_(registry),
      logins_(logins),
      metrics_(metrics),
      rules_(std::move(rules), std::move(loops)) {}

void Guard::handle(const http::ExchangePtr& exchange) {
  const ListenerRules& rules = rules_.get();
  if (rules.open()) return registry_.handle(exchange);
  Call* call = registry_.begin(*exchange);
  if (call == nullptr) return;
  call->is_private = rules.depends_on_client();
  if (!rules.admits(exchange->peer().ip)) {
    metrics_.logins().refused(AccessRefusal::network).add();
    return refuse(*exchange, *call, outside());
  }
  const FieldValue& authorization = call->fields.authorization;
  if (!rules.logins || !authorization) return decide(exchange, *call, rules);
  auto credentials = access::Authorization::parse(authorization.value);
  if (credentials.kind() == access::AuthorizationKind::none) return decide(exchange, *call, rules);
  if (const auto result = logins_.recall(rules, credentials)) return verified(exchange, *result);
  call->left = std::make_shared<cache::Left>(false);
  const bool begun = logins_.verify(rules, std::move(credentials),
                                    {exchange->peer().address.value(), exchange->executor(),
                                     call->left, [this, exchange](const Logins::Result& late) {
                                       if (!exchange->closed()) verified(exchange, late);
                                     }});
  if (!begun) refuse(*exchange, *call, busy());
}

void Guard::verified(const http::ExchangePtr& exchange, const Logins::Result& result) {
  Call& call = call_of(*exchange);
  if (result.result == LoginResult::ok) {
    call.user = result.user;
    call.identity = result.identity;
    return decide(exchange, call, rules_.get());
  }
  if (result.result == LoginResult::busy) return refuse(*exchange, call, busy());
  log_failure(*exchange, result);
  refuse_login(*exchange, call, "wrong user, password or token");
}

void Guard::decide(const http::ExchangePtr& exchange, Call& call, const ListenerRules& rules) {
  const access::Caller caller = caller_of(exchange->peer(), call);
  if (registry_.is_local(call)) {
    // `docker login` verifies a login by a ping.
    const bool verifies_login = !call.user.empty() && call.route.resource == Resource::ping;
    if (!verifies_login && !rules.serves(caller)) return refuse_everything(*exchange, call, rules);
    return registry_.answer_locally(*exchange, call);
  }
  const auto unknown = registry_.select(*exchange, call);
  const auto refusal =
      unknown ? std::nullopt : rules.refusal(caller, call.upstream->name, call.repository);
  if (!unknown && !refusal) return registry_.dispatch(exchange, call);
  if (!rules.serves(caller)) return refuse_everything(*exchange, call, rules);
  if (unknown) return refuse(*exchange, call, *unknown);
  if (could_log_in(call, rules) && *refusal != AccessRefusal::deny_list)
    return refuse_login(*exchange, call, message_of(*refusal));
  refuse_access(*exchange, call, *refusal);
}

void Guard::refuse_everything(http::Exchange& exchange, Call& call,
                              const ListenerRules& rules) const {
  // The fields of the reply must not tell which registries are mirrored.
  call.upstream = nullptr;
  call.ns.clear();
  if (could_log_in(call, rules)) return refuse_login(exchange, call, "a login is needed here");
  metrics_.logins().refused(AccessRefusal::rules).add();
  const bool by_rules = rules.access != nullptr && rules.access->has_rules();
  refuse(exchange, call,
         {{403, ErrorCode::denied,
           by_rules ? "the access rules of this mirror let this client pull nothing"
                    : "a client certificate is needed here"},
          RefusalReason::access});
}

void Guard::refuse_login(http::Exchange& exchange, Call& call, std::string_view message) const {
  metrics_.logins().refused(AccessRefusal::login).add();
  if (rules_.get().challenge && registry_.is_direct(exchange.request(), call))
    return refuse(exchange, call,
                  {{401, ErrorCode::unauthorized, message, {}, challenge}, RefusalReason::login});
  refuse(exchange, call, {{403, ErrorCode::denied, message}, RefusalReason::login});
}

void Guard::refuse_access(http::Exchange& exchange, Call& call, AccessRefusal reason) const {
  metrics_.logins().refused(reason).add();
  refuse(exchange, call, {{403, ErrorCode::denied, message_of(reason)}, RefusalReason::access});
}

void Guard::log_failure(const http::Exchange& exchange, const Logins::Result& result) {
  const http::Peer& peer = exchange.peer();
  // Some clients send a token in the place of the user.
  const bool secret =
      result.user.starts_with(access::token_prefix) || access::has_form_of_jwt(result.user);
  const std::string user = secret ? "…" : printable_excerpt(result.user, longest_logged_name);
  const std::string cause = std::string(to_string(result.result)) +
                            (result.detail.empty() ? "" : " (" + result.detail + ")");
  log::debug("{}: login of \"{}\": {}", peer.name, user, cause);
  if (failure_lines_.take(peer.address, LinePerClient::Clock::now()))
    log::info(
        "client {} sends credentials that are not accepted: {}, user \"{}\"; correct them in its "
        "configuration (further failures of this client within the hour have no line)",
        peer.address.text(), cause, user);
}

}  // namespace entrepot::registry
