// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/admin_guard.h"

#include <arpa/inet.h>

#include <algorithm>

#include "metrics/log.h"
#include "proxy/admin/admin_call.h"
#include "proxy/base/text.h"

namespace entrepot::admin {
namespace {

using admission::Entry;
using admission::Logins;
using metrics::AccessRefusal;
using metrics::LoginResult;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return result;
}

/// `pattern`: a name, or "*." and the name of a domain (RFC 6125 §6.4.3).
bool is_named(std::string_view host, std::string_view pattern) {
  if (!pattern.starts_with("*.")) return host == pattern;
  const auto dot = host.find('.');
  return dot != 0 && dot != host.npos && host.substr(dot) == pattern.substr(1);
}

/// `host`: RFC 9110 §7.2; empty from who speaks HTTP/1.0, as no browser does.
bool is_ours(std::string_view host, const std::vector<std::string>& hosts) {
  if (host.empty()) return true;
  if (host.starts_with('[')) return true;  // the parser lets nothing but an address be in brackets
  std::string name = lower(host.substr(0, host.find(':')));
  if (name.ends_with('.')) name.pop_back();
  in_addr address{};
  return name == "localhost" || ::inet_pton(AF_INET, name.c_str(), &address) == 1 ||
         std::any_of(hosts.begin(), hosts.end(),
                     [&](const std::string& pattern) { return is_named(name, pattern); });
}

/// A page in a browser must not change anything here, whatever login the browser has. Origin comes
/// with every such request of a page (Fetch §3.2.5); Sec-Fetch-Site with every request of a browser
/// over HTTPS or to this machine, and no page can leave it out (Fetch Metadata §2.3).
bool is_of_browser(const http::Request& request) {
  return !request.field("origin").empty() || !request.field("sec-fetch-site").empty();
}

/// The value of Authorization. Two fields contradict each other, and prove nothing.
std::string_view authorization_of(const http::Request& request) {
  const auto& fields = request.fields();
  const auto count =
      std::count_if(fields.begin(), fields.end(),
                    [](const http::Request::Field& one) { return one.name == "authorization"; });
  return count > 1 ? std::string_view("two fields") : request.field("authorization");
}

std::string needs(Right right) {
  return "this needs the right admin." + std::string(metrics::to_string(right));
}

}  // namespace

void AdminGuard::handle(const http::ExchangePtr& exchange) {
  const auto& request = exchange->request();
  const Right needed = right_for(request.method(), request.path());
  if (!entrance_.admits(*doors_->listener, exchange->peer()))
    return refuse(*exchange, {403, "admin.networks does not have the network of the client"});
  if (needed != Right::probes && !is_ours(request.host(), doors_->hosts))
    return refuse(*exchange,
                  {421,
                   "ask by an address, as localhost, or by a name of admin.hosts or of the "
                   "certificate"});
  if (needed == Right::change && is_of_browser(request))
    return refuse(*exchange, {403, "not for browsers"});
  if (doors_->rights.open(needed))
    return pass(exchange, needed, admission::caller_of(exchange->peer(), {}, nullptr));
  identify(exchange, needed);
}

void AdminGuard::identify(const http::ExchangePtr& exchange, Right needed) {
  const auto arrival =
      entrance_.identify(*doors_->listener, authorization_of(exchange->request()), [&] {
        const auto left = std::make_shared<cache::Left>(false);
        AdminCall::of(*exchange).left = left;
        return Logins::Waiter{exchange->peer().address.value(), exchange->executor(), left,
                              [this, exchange, needed](const Logins::Result& late) {
                                if (!exchange->closed()) verified(exchange, needed, late);
                              }};
      });
  switch (arrival.entry) {
    case Entry::nameless:
      return decide(exchange, needed, {}, nullptr);
    case Entry::checked:
      return verified(exchange, needed, *arrival.result);
    case Entry::waits:
      return;
    case Entry::busy:
      return refuse(*exchange, {503, "too many logins wait for their verification"});
  }
}

void AdminGuard::verified(const http::ExchangePtr& exchange, Right needed,
                          const Logins::Result& result) {
  if (result.result == LoginResult::ok)
    return decide(exchange, needed, result.user, result.identity.get());
  if (result.result == LoginResult::busy)
    return refuse(*exchange, {503, "too many logins wait for their verification"});
  entrance_.log_failure(exchange->peer(), result);
  refuse_login(*exchange, "wrong user, password or token");
}

void AdminGuard::decide(const http::ExchangePtr& exchange, Right needed, std::string_view user,
                        const access::Identity* identity) {
  const auto caller = admission::caller_of(exchange->peer(), user, identity);
  const auto lacking = doors_->rights.lacking(needed, caller);
  if (!lacking) return pass(exchange, needed, caller);
  if (admission::could_log_in(*doors_->listener, user))
    return refuse_login(*exchange, needs(*lacking) + "; log in");
  refuse_right(*exchange, *lacking);
}

void AdminGuard::pass(const http::ExchangePtr& exchange, Right needed,
                      const access::Caller& caller) {
  if (needed == Right::change) {
    access::Caller named = caller;
    // A line names who it is, not all that is known.
    named.claims = nullptr;
    if (!named.certificate.empty()) named.certificate = named.certificate.first(1);
    AdminCall::of(*exchange).by = access::caller_text(named);
  }
  next_.handle(exchange);
}

void AdminGuard::refuse_login(http::Exchange& exchange, std::string message) {
  metrics_.logins().refused(AccessRefusal::login).add();
  refuse(exchange, {doors_->listener->challenge ? 401 : 403, std::move(message)});
}

void AdminGuard::refuse_right(http::Exchange& exchange, Right lacking) {
  metrics_.logins().refused(AccessRefusal::right).add();
  refuse(exchange, {403, needs(lacking) + ", which this client does not have"});
}

void AdminGuard::refuse(http::Exchange& exchange, const Refusal& refusal) {
  http::ReplyHead head(refusal.status);
  head.add("Content-Type", "application/json").add("Cache-Control", "no-store");
  if (refusal.status == 401) head.add("WWW-Authenticate", admission::challenge);
  if (refusal.status == 503) head.add("Retry-After", std::uint64_t{1});
  exchange.reply(head, "{\"error\":\"" + refusal.message + "\"}\n");
  const auto& peer = exchange.peer();
  const auto path = printable_excerpt(exchange.request().path(), 64);
  log::debug("{}: the admin listener refuses {}: {}", peer.name, path, refusal.message);
  if (refusal_lines_.take(peer.address, http::LinePerClient::Clock::now()))
    log::info(
        "the admin listener refuses {} to client {} with {}: {} (further refusals of this client "
        "within the hour have no line)",
        path, peer.address.text(), refusal.status, refusal.message);
}

void AdminGuard::finished(const http::Exchange& exchange, const http::ReplyStats& stats) {
  // The hash of a password for which nobody waits any more is not computed.
  const auto* call = static_cast<const AdminCall*>(exchange.attachment.get());
  if (call != nullptr && call->left) call->left->store(true, std::memory_order_relaxed);
  next_.finished(exchange, stats);
}

}  // namespace entrepot::admin
