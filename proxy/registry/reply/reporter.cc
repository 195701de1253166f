// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/reply/reporter.h"

#include <algorithm>
#include <optional>

#include "metrics/log.h"
#include "proxy/http/parse/refusal.h"
#include "proxy/registry/reply/client_kind.h"

namespace entrepot::registry {
namespace {

std::string_view to_string(http::Method method) {
  switch (method) {
    case http::Method::get:
      return "GET";
    case http::Method::head:
      return "HEAD";
    case http::Method::post:
      return "POST";
    case http::Method::put:
      return "PUT";
    case http::Method::patch:
      return "PATCH";
    case http::Method::del:
      return "DELETE";
    case http::Method::options:
      return "OPTIONS";
    case http::Method::connect:
      return "CONNECT";
    case http::Method::trace:
      return "TRACE";
  }
  return "";
}

/// Returns 0 for an exchange that ended before its first byte.
std::chrono::nanoseconds time_to_first_byte(const http::ReplyStats& stats) {
  return std::max(stats.first_byte - stats.started, std::chrono::nanoseconds(0));
}

/// The remedy for a trusted proxy that does not name its clients.
std::string_view remedy(metrics::Forwarding reason) {
  using metrics::Forwarding;
  switch (reason) {
    case Forwarding::missing:
      return "its connection does not begin with a header of the PROXY protocol, and was closed; "
             "let it send one (HAProxy: send-proxy-v2, nginx: proxy_protocol on), or take its "
             "address out of listen[].trusted_proxies.networks";
    case Forwarding::timeout:
      return "the header of the PROXY protocol did not arrive within timeouts.header";
    case Forwarding::checksum:
      return "the checksum of its header of the PROXY protocol is wrong, and its connection was "
             "closed";
    case Forwarding::malformed:
    case Forwarding::ok:
    case Forwarding::own:
    case Forwarding::closed:
    case Forwarding::displaced:
      break;
  }
  return "its header of the PROXY protocol, or an entry of X-Forwarded-For, cannot be read, and "
         "its connection was closed or its request refused with 400";
}

}  // namespace

Reporter::Reporter(const log::AccessLog& access_log, const metrics::Metrics& metrics)
    : access_log_(access_log), no_upstream_(metrics.upstream({})), clients_(metrics.clients()) {
  for (std::size_t i = 0; i < metrics::count_of<metrics::Outcome>; ++i) {
    const auto outcome = static_cast<metrics::Outcome>(i);
    durations_.push_back(metrics.request_duration(outcome));
    first_bytes_.push_back(metrics.time_to_first_byte(outcome));
  }
}

void Reporter::finished(const http::Exchange& exchange, const Call& call,
                        const http::ReplyStats& stats) const {
  const metrics::UpstreamMetrics& series = call.upstream ? call.upstream->metrics : no_upstream_;
  const auto outcome = metrics::index_of(call.outcome);
  series.request(call.kind, call.outcome, stats.status);
  if (call.outcome != metrics::Outcome::hit && call.outcome != metrics::Outcome::refused)
    series.not_hit(call.reason.value_or(metrics::AnswerReason::other));
  if (stats.body_bytes > 0) series.response_bytes(call.outcome).add(stats.body_bytes);
  durations_[outcome].observe(stats.finished - stats.started);
  if (stats.first_byte >= stats.started) first_bytes_[outcome].observe(time_to_first_byte(stats));
  note_use(exchange, call, stats);
  if (access_log_.enabled()) write_line(exchange, call, stats);
}

/// A request that is refused, or names no content, is no use of the mirror: scanners send such.
void Reporter::note_use(const http::Exchange& exchange, const Call& call,
                        const http::ReplyStats& stats) const {
  if (call.upstream == nullptr || call.outcome == metrics::Outcome::refused) return;
  const auto engine = engine_of(call.fields.user_agent.value);
  const auto network = network_of(exchange.peer());
  if (!clients_.requested(engine, network, stats.finished)) return;
  log::info(
      "the first request since the start, or of this day (UTC), from the network {}: by {} with "
      "{}, for {}",
      metrics::to_string(network), exchange.peer().name, metrics::to_string(engine),
      call.upstream->name);
}

void Reporter::write_line(const http::Exchange& exchange, const Call& call,
                          const http::ReplyStats& stats) const {
  log::AccessLine line;
  line.client = exchange.peer().name;
  line.via = exchange.peer().via;
  line.user = call.user;
  line.method = to_string(exchange.request().method());
  line.path = exchange.request().path();
  line.status = stats.status;
  line.outcome = call.outcome;
  line.reason =
      call.outcome == metrics::Outcome::refused ? to_string(call.refusal) : to_string(call.reason);
  if (call.upstream) line.upstream = call.upstream->name;
  line.kind = call.kind;
  line.bytes = stats.body_bytes;
  line.duration = stats.finished - stats.started;
  line.first_byte = time_to_first_byte(stats);
  line.complete = stats.complete;
  line.login_wait = call.login_wait.length;
  line.waits = stats.waits;
  std::optional<log::UpstreamWork> work;
  if (call.work) line.work = &work.emplace(call.work->sum(stats.finished));
  line.error = call.error;
  access_log_.write(line);
}

void Reporter::tls_on_plain_port(const http::Peer& peer) const {
  // A client that starts a TLS handshake receives no HTTP status.
  no_upstream_.request(metrics::Kind::other, metrics::Outcome::tls, 0);
  log::debug("{}: {}", peer.name, http::tls_on_plain_port);
  if (tls_lines_.take(peer.address, http::LinePerClient::Clock::now()))
    log::info(
        "client {} tries TLS on a port that speaks plain HTTP; podman, skopeo and crane do so "
        "before they fall back (further attempts of this client within the hour have no line)",
        peer.address.text());
}

void Reporter::plain_on_tls_port(int status, const http::Peer& peer) const {
  no_upstream_.request(metrics::Kind::other, metrics::Outcome::refused, status);
  log::debug("{}: a plain HTTP request; {}", peer.name, http::plain_on_tls_port);
  if (plain_lines_.take(peer.address, http::LinePerClient::Clock::now()))
    log::info(
        "client {} sends plain HTTP to a port that speaks HTTPS; write https:// in its "
        "configuration (further requests of this client within the hour have no line)",
        peer.address.text());
}

void Reporter::forwarding_failed(metrics::Forwarding reason, const http::Peer& proxy) const {
  log::debug("{}: no client: {}", proxy.name, to_string(reason));
  if (proxy_lines_.take(proxy.address, http::LinePerClient::Clock::now()))
    log::warn(
        "the trusted proxy {} does not name its clients ({}): {} (further failures of this proxy "
        "within the hour have no line)",
        proxy.name, to_string(reason), remedy(reason));
}

void Reporter::refused(int status, std::string_view reason, const http::Peer& peer) const {
  if (reason == http::tls_on_plain_port) return tls_on_plain_port(peer);
  if (reason == http::plain_on_tls_port) return plain_on_tls_port(status, peer);
  no_upstream_.request(metrics::Kind::other, metrics::Outcome::refused, status);
  if (!access_log_.enabled()) return;
  log::AccessLine line;
  line.client = peer.name;
  line.via = peer.via;
  line.status = status;
  line.outcome = metrics::Outcome::refused;
  line.reason = reason;
  access_log_.write(line);
}

}  // namespace entrepot::registry
