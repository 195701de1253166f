// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/guard.h"

#include <optional>
#include <utility>

#include "proxy/access/jwt/identity.h"
#include "proxy/registry/pending.h"
#include "proxy/registry/reply/reply.h"

namespace entrepot::registry {
namespace {

using admission::caller_of;
using admission::Entry;
using admission::ListenerRules;
using admission::Logins;
using metrics::AccessRefusal;
using metrics::LoginResult;

Refusal busy() {
  return {{503, ErrorCode::unavailable, "too many logins wait for their verification",
           std::chrono::seconds(1)},
          RefusalReason::login_busy};
}

Refusal outside() {
  return {{403, ErrorCode::denied, "this listener does not serve the network of the client"},
          RefusalReason::network};
}

constexpr std::string_view not_allowed =
    "the access rules of this mirror do not let this client pull from the repository";

}  // namespace

Guard::Guard(Registry& registry, Logins& logins, const metrics::Metrics& metrics,
             std::shared_ptr<const ListenerRules> rules, std::vector<loop::Loop*> loops)
    : registry_(registry),
      metrics_(metrics),
      entrance_(logins, metrics),
      rules_(std::move(rules), std::move(loops)) {}

void Guard::handle(const http::ExchangePtr& exchange) {
  const ListenerRules& rules = rules_.get();
  if (rules.open()) return registry_.handle(exchange);
  Call* call = registry_.begin(*exchange);
  if (call == nullptr) return;
  call->is_private = rules.depends_on_client();
  if (!entrance_.admits(rules, exchange->peer())) return refuse(*exchange, *call, outside());
  const auto arrival = entrance_.identify(rules, call->fields.authorization.value, [&] {
    call->left = std::make_shared<cache::Left>(false);
    call->login_wait.since = std::chrono::steady_clock::now();
    return Logins::Waiter{exchange->peer().address.value(), exchange->executor(), call->left,
                          [this, exchange](const Logins::Result& late) {
                            if (exchange->closed()) return;
                            Call& waiting = call_of(*exchange);
                            waiting.login_wait.length =
                                std::chrono::steady_clock::now() - waiting.login_wait.since;
                            verified(exchange, late);
                          }};
  });
  switch (arrival.entry) {
    case Entry::nameless:
      return decide(exchange, *call, rules);
    case Entry::checked:
      return verified(exchange, *arrival.result);
    case Entry::waits:
      return;
    case Entry::busy:
      return refuse(*exchange, *call, busy());
  }
}

void Guard::verified(const http::ExchangePtr& exchange, const Logins::Result& result) {
  Call& call = call_of(*exchange);
  if (result.result == LoginResult::ok) {
    call.user = result.user;
    call.identity = result.identity;
    return decide(exchange, call, rules_.get());
  }
  if (result.result == LoginResult::busy) return refuse(*exchange, call, busy());
  entrance_.log_failure(exchange->peer(), result);
  refuse_login(*exchange, call, "wrong user, password or token");
}

void Guard::decide(const http::ExchangePtr& exchange, Call& call, const ListenerRules& rules) {
  const access::Caller caller = caller_of(exchange->peer(), call.user, call.identity.get());
  if (registry_.is_local(call)) {
    // `docker login` verifies a login by a ping.
    const bool verifies_login = !call.user.empty() && call.route.resource == Resource::ping;
    if (!verifies_login && !rules.serves(caller)) return refuse_everything(*exchange, call, rules);
    return registry_.answer_locally(*exchange, call);
  }
  const auto unknown = registry_.select(*exchange, call);
  const auto refusal = unknown ? std::nullopt : refusal_of(call, caller, rules);
  if (!unknown && !refusal) return registry_.dispatch(exchange, call);
  if (!rules.serves(caller)) return refuse_everything(*exchange, call, rules);
  if (unknown) return refuse(*exchange, call, *unknown);
  if (*refusal == AccessRefusal::deny_list) return registry_.refuse_denied(*exchange, call);
  if (could_log_in(rules, call.user)) return refuse_login(*exchange, call, not_allowed);
  metrics_.logins().refused(*refusal).add();
  refuse(*exchange, call, {{403, ErrorCode::denied, not_allowed}, RefusalReason::access});
}

std::optional<AccessRefusal> Guard::refusal_of(const Call& call, const access::Caller& caller,
                                               const ListenerRules& rules) const {
  if (registry_.denies(call)) return AccessRefusal::deny_list;
  return rules.refusal(caller, call.upstream->name, call.repository);
}

void Guard::refuse_everything(http::Exchange& exchange, Call& call,
                              const ListenerRules& rules) const {
  // The fields of the reply must not tell which registries are mirrored.
  call.upstream = nullptr;
  call.ns.clear();
  if (could_log_in(rules, call.user)) return refuse_login(exchange, call, "a login is needed here");
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
    return refuse(
        exchange, call,
        {{401, ErrorCode::unauthorized, message, {}, admission::challenge}, RefusalReason::login});
  refuse(exchange, call, {{403, ErrorCode::denied, message}, RefusalReason::login});
}

}  // namespace entrepot::registry
