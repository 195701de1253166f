// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/registry.h"

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "proxy/registry/pending.h"
#include "proxy/registry/reply/client_kind.h"
#include "proxy/registry/reply/reply.h"
#include "proxy/registry/request/via.h"

namespace entrepot::registry {
namespace {

metrics::Kind kind_of(Resource resource) {
  switch (resource) {
    case Resource::manifest:
      return metrics::Kind::manifest;
    case Resource::blob:
      return metrics::Kind::blob;
    case Resource::tags:
      return metrics::Kind::tags;
    case Resource::referrers:
      return metrics::Kind::referrers;
    case Resource::ping:
      return metrics::Kind::ping;
    case Resource::none:
    case Resource::upload:
    case Resource::catalog:
      break;
  }
  return metrics::Kind::other;
}

Refusal unknown_resource() {
  return {{404, ErrorCode::name_unknown, "no such resource; registries live under /v2/"},
          RefusalReason::route};
}

/// RFC 5842 §7.2
Refusal loop_detected() {
  return {{508, ErrorCode::unavailable,
           "this request has come through this mirror before, or through too many others (see its "
           "Via field): endpoints lead in a circle; take the one that leads back out of the "
           "configuration"},
          RefusalReason::loop};
}

/// The proven name whose share the request uses; empty: its address has one.
std::string_view client_name(const http::Exchange& exchange, const Call& call) {
  return call.user.empty() ? certificate_name(exchange.peer()) : std::string_view(call.user);
}

Refusal too_many_requests() {
  return {{429, ErrorCode::too_many_requests,
           "as many requests of this client are in progress as may (limits.requests_per_client)",
           std::chrono::seconds(1)},
          RefusalReason::client_requests};
}

}  // namespace

struct Registry::Names {
  UpstreamTable upstreams;
  bool catalog;
};

Registry::Registry(const Options& options, cache::ObjectCache& cache,
                   const metrics::Metrics& metrics, std::vector<loop::Loop*> loops)
    : id_(options.id),
      metrics_(metrics),
      usage_(loops),
      names_(names_of(options), loops),
      denials_(std::make_shared<const access::Denials>(), std::move(loops)),
      manifests_(cache),
      blobs_(cache),
      tags_(cache),
      referrers_(cache),
      reporter_(log::AccessLog(options.access_log, options.access_sample), metrics) {}

Registry::~Registry() = default;

std::shared_ptr<const Registry::Names> Registry::names_of(const Options& options) const {
  return std::make_shared<const Names>(Names{UpstreamTable(options, metrics_), options.catalog});
}

void Registry::use(const Options& options) {
  names_.replace(names_of(options));
  reporter_.set_access_log(options.access_log, options.access_sample);
}

void Registry::deny(std::shared_ptr<const access::Denials> denials) {
  denials_.replace(std::move(denials));
}

const UpstreamTable& Registry::upstreams() const { return names_.get().upstreams; }

void Registry::handle(const http::ExchangePtr& exchange) {
  Call* call = begin(*exchange);
  if (call == nullptr) return;
  if (is_local(*call)) return answer_locally(*exchange, *call);
  if (const auto refusal = select(*exchange, *call)) return refuse(*exchange, *call, *refusal);
  if (denies(*call)) return refuse_denied(*exchange, *call);
  dispatch(exchange, *call);
}

Call* Registry::begin(http::Exchange& exchange) const {
  exchange.attachment = std::make_shared<Call>();
  Call& call = call_of(exchange);
  const http::Request& request = exchange.request();
  call.route = parse_route(request.path());
  call.kind = kind_of(call.route.resource);
  if (request.method() != http::Method::get && request.method() != http::Method::head) {
    refuse_method(exchange, call);
    return nullptr;
  }

  call.fields = scan_fields(request);
  const FieldValue& authorization = call.fields.authorization;
  if (authorization.count <= 1 &&
      (!authorization || well_formed_authorization(authorization.value)))
    return &call;
  refuse(
      exchange, call,
      {{400, ErrorCode::unknown, "malformed Authorization field"}, RefusalReason::authorization});
  return nullptr;
}

bool Registry::is_direct(const http::Request& request, const Call& call) const {
  return names_registry(upstreams(), request, call.route);
}

std::optional<Refusal> Registry::select(const http::Exchange& exchange, Call& call) const {
  const http::Request& request = exchange.request();
  if (call.fields.via && is_loop(via_of(request, call.fields), id_)) return loop_detected();
  return select_target(upstreams(), request, call);
}

void Registry::refuse_denied(http::Exchange& exchange, Call& call) const {
  metrics_.logins().refused(metrics::AccessRefusal::deny_list).add();
  refuse(exchange, call,
         {{403, ErrorCode::denied, "the deny list of this mirror holds the repository"},
          RefusalReason::access});
}

bool Registry::known_prefix(const Call& call) const {
  return call.route.prefix.empty() || upstreams().find(call.route.prefix) != nullptr;
}

bool Registry::is_local(const Call& call) const {
  switch (call.route.resource) {
    case Resource::none:
    case Resource::ping:
    case Resource::catalog:
    case Resource::upload:
      return true;
    case Resource::manifest:
    case Resource::blob:
    case Resource::tags:
    case Resource::referrers:
      break;
  }
  return !known_prefix(call);
}

void Registry::answer_locally(http::Exchange& exchange, Call& call) const {
  switch (known_prefix(call) ? call.route.resource : Resource::none) {
    case Resource::ping:
      return answer_ping(exchange, call);
    case Resource::catalog:
      return answer_catalog(exchange, call);
    case Resource::upload:
      return refuse(exchange, call,
                    {{404, ErrorCode::blob_upload_unknown, "no uploads on a read-only mirror"},
                     RefusalReason::upload});
    default:
      return refuse(exchange, call, unknown_resource());
  }
}

void Registry::answer_ping(http::Exchange& exchange, Call& call) const {
  call.outcome = metrics::Outcome::hit;
  send_document(exchange, http::ReplyHead(200), {json_type, "{}"});
}

void Registry::answer_catalog(http::Exchange& exchange, Call& call) const {
  if (!names_.get().catalog)
    return refuse(
        exchange, call,
        {{404, ErrorCode::unsupported, "this mirror offers no catalog"}, RefusalReason::catalog});
  if (!parse_page(exchange.request().query()))
    return refuse(
        exchange, call,
        {{400, ErrorCode::pagination_number_invalid, "invalid n or last"}, RefusalReason::page});
  call.outcome = metrics::Outcome::hit;
  http::ReplyHead head(200);
  head.add("Cache-Control", "no-cache");
  send_document(exchange, head, {json_type, R"({"repositories":[]})"});
}

void Registry::dispatch(const http::ExchangePtr& exchange, Call& call) const {
  if (!exchange->begin_request(client_name(*exchange, call)))
    return refuse(*exchange, call, too_many_requests());
  switch (call.route.resource) {
    case Resource::manifest:
      return manifests_.handle(exchange, call);
    case Resource::blob:
      return blobs_.handle(exchange, call);
    case Resource::tags:
      return tags_.handle(exchange, call);
    case Resource::referrers:
      return referrers_.handle(exchange, call);
    default:
      return refuse(*exchange, call, unknown_resource());
  }
}

void Registry::finished(const http::Exchange& exchange, const http::ReplyStats& stats) {
  const Call& call = call_of(exchange);
  if (call.left) call.left->store(true, std::memory_order_relaxed);
  if (call.kind == metrics::Kind::blob) blobs_.finished(call, stats);
  reporter_.finished(exchange, call, stats);
  usage_.note(exchange, call, stats);
}

std::string Registry::refused(int status, std::string_view reason, const http::Peer& peer) {
  reporter_.refused(status, reason, peer);
  return error_body(code_for_refusal(status), reason);
}

void Registry::forwarding_failed(metrics::Forwarding reason, const http::Peer& proxy) {
  reporter_.forwarding_failed(reason, proxy);
}

}  // namespace entrepot::registry
