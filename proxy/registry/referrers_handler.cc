// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/referrers_handler.h"

#include <optional>
#include <utility>

#include "proxy/registry/pending.h"
#include "proxy/registry/referrers_filter.h"
#include "proxy/registry/reply.h"

namespace entrepot::registry {
namespace {

constexpr std::string_view index_type = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view empty_index =
    R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})";

}  // namespace

void ReferrersHandler::handle(const http::ExchangePtr& exchange, Call& call) const {
  call.digest = cache::Digest::parse(call.route.reference);
  if (!call.digest)
    return refuse(*exchange, call,
                  {{400, ErrorCode::digest_invalid, "invalid or unsupported digest"}, "digest"});
  if (!begin_wait(*exchange, call)) return;
  store_.fetch_referrers(
      call.repository_ref(), *call.digest, asker_of(options_, *exchange, call),
      [this, exchange, types = parse_artifact_types(exchange->request().query())](
          const cache::ListingAnswer& found) {
        if (Call* waiting = waiting_call(*exchange)) answer(*exchange, *waiting, types, found);
      });
}

void ReferrersHandler::answer(http::Exchange& exchange, Call& call,
                              const std::vector<std::string>& artifact_types,
                              const cache::ListingAnswer& answer) const {
  call.outcome = answer.outcome;
  call.reason = answer.reason;
  // A subject nobody refers to, and one that does not exist, have no referrers: not an error.
  const bool none = !answer.referrers && answer.failure.kind == cache::FailureKind::not_found;
  if (!answer.referrers && !none) return fail(exchange, call, answer.failure);

  std::string_view body = none ? empty_index : std::string_view(*answer.referrers);
  http::ReplyHead head(200);
  add_listing_fields(head, call, answer.outcome);
  std::optional<std::string> filtered;
  if (!artifact_types.empty()) {
    filtered = filter_referrers(body, artifact_types);
    if (!filtered)
      return fail(
          exchange, call,
          {cache::FailureKind::bad_upstream, "the upstream's referrers are no image index"});
    body = *filtered;
    head.add("OCI-Filters-Applied", "artifactType");
  }
  send_document(exchange, head, {index_type, body});
}

}  // namespace entrepot::registry
