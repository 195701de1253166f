// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/referrers_handler.h"

#include <string>
#include <utility>
#include <vector>

#include "proxy/registry/pending.h"
#include "proxy/registry/reply/reply.h"
#include "proxy/registry/request/pagination.h"

namespace entrepot::registry {
namespace {

constexpr std::string_view index_type = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view index_begin =
    R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)";

constexpr std::string_view index_end = "]}";
constexpr std::size_t room = max_referrers_page - index_begin.size() - index_end.size();

/// The image index of one page. It refers to the text in the cache.
std::vector<http::SharedText> index_of(const cache::Referrers& referrers,
                                       const ReferrersPage& page) {
  static const http::SharedText begin = own_text(std::string(index_begin));
  static const http::SharedText comma = own_text(",");
  static const http::SharedText end = own_text(std::string(index_end));
  std::vector<http::SharedText> texts{begin};
  for (const auto& range : page.ranges) {
    if (texts.size() > 1) texts.push_back(comma);
    texts.push_back({referrers.text(), referrers.elements(range)});
  }
  texts.push_back(end);
  return texts;
}

}  // namespace

void ReferrersHandler::handle(const http::ExchangePtr& exchange, Call& call) const {
  call.digest = cache::Digest::parse(call.route.reference);
  if (!call.digest)
    return refuse(
        *exchange, call,
        {{400, ErrorCode::digest_invalid, "invalid or unsupported digest"}, RefusalReason::digest});
  auto request = parse_referrers(exchange->request().query());
  if (!request)
    return refuse(
        *exchange, call,
        {{400, ErrorCode::pagination_number_invalid, "invalid last"}, RefusalReason::page});
  if (!begin_wait(*exchange, call)) return;
  cache_.fetch_referrers(
      call.repository_ref(), *call.digest, requester_of(*exchange, call),
      [this, exchange, request = std::move(*request)](const cache::ListingAnswer& found) {
        if (Call* waiting = waiting_call(*exchange)) answer(*exchange, *waiting, request, found);
      });
}

void ReferrersHandler::answer(http::Exchange& exchange, Call& call, const ReferrersRequest& request,
                              const cache::ListingAnswer& answer) const {
  call.outcome = answer.outcome;
  call.reason = answer.reason;
  // A subject without referrers, or one that does not exist, gives an empty list and no error
  // (distribution-spec, "Listing Referrers").
  const bool none = !answer.referrers && answer.failure.kind == cache::FailureKind::not_found;
  if (!answer.referrers && !none) return fail(exchange, call, answer.failure);

  static const cache::Referrers nothing{cache::Referrers::Gathered()};
  const cache::Referrers& referrers = none ? nothing : *answer.referrers;
  const ReferrersPage page = page_of(referrers, request, room);
  http::ReplyHead head(200);
  add_listing_fields(head, call, answer.outcome);
  if (!request.artifact_types.empty()) head.add("OCI-Filters-Applied", "artifactType");
  if (page.next)
    head.add("Link",
             link_to_next(exchange.request().path(), query_of_next(request, *page.next, call.ns)));
  send_list(exchange, head, index_type, index_of(referrers, page));
}

}  // namespace entrepot::registry
