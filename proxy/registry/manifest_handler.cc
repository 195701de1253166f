// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/manifest_handler.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "proxy/registry/pending.h"
#include "proxy/registry/reply/reply.h"
#include "proxy/registry/request/names.h"

namespace entrepot::registry {

void ManifestHandler::handle(const http::ExchangePtr& exchange, Call& call) const {
  const Reference reference = parse_reference(call.route.reference);
  switch (reference.kind) {
    case ReferenceKind::digest:
      call.digest = reference.digest;
      return handle_digest(exchange, call);
    case ReferenceKind::tag:
      return handle_tag(exchange, call);
    case ReferenceKind::bad_digest:
      return refuse(*exchange, call,
                    {{400, ErrorCode::digest_invalid, "invalid or unsupported digest"},
                     RefusalReason::digest});
    case ReferenceKind::neither:
      // 404 instead of 400: the conformance tests of the distribution-spec request an invalid
      // reference and expect 404.
      return refuse(*exchange, call,
                    {{404, ErrorCode::manifest_unknown, "not a valid tag or digest"},
                     RefusalReason::reference});
  }
}

void ManifestHandler::handle_digest(const http::ExchangePtr& exchange, Call& call) const {
  if (const auto found = cache_.find_manifest(call.repository_ref(), *call.digest))
    return answer(*exchange, call, *found);
  if (!begin_wait(*exchange, call)) return;
  // The client may already have the manifest, so that the reply is 304 without a body (RFC 9110
  // §13.1.2).
  const bool no_body =
      exchange->request().is_head() ||
      none_match_hits(exchange->request(), call.fields, DigestText(*call.digest).text());
  cache::Requester requester = requester_of(*exchange, call);
  requester.accept = extra_types(exchange->request(), call.fields);
  cache_.fetch_manifest(call.repository_ref(), *call.digest, no_body, std::move(requester),
                        reply_when_done(exchange));
}

void ManifestHandler::handle_tag(const http::ExchangePtr& exchange, Call& call) const {
  const bool revalidate = call.fields.no_cache;
  if (!revalidate) {
    if (const auto found = cache_.find_tag(call.repository_ref(), call.route.reference))
      return answer(*exchange, call, *found);
  }
  if (!begin_wait(*exchange, call)) return;
  cache::Requester requester = requester_of(*exchange, call);
  requester.accept = extra_types(exchange->request(), call.fields);
  cache_.fetch_tag(call.repository_ref(), std::string(call.route.reference),
                   exchange->request().is_head(), revalidate, std::move(requester),
                   reply_when_done(exchange));
}

cache::AnswerCallback ManifestHandler::reply_when_done(const http::ExchangePtr& exchange) const {
  return [this, exchange](const cache::Answer& found) {
    if (Call* call = waiting_call(*exchange)) answer(*exchange, *call, found);
  };
}

void ManifestHandler::answer(http::Exchange& exchange, Call& call,
                             const cache::Answer& answer) const {
  call.outcome = answer.outcome;
  call.reason = answer.reason;
  if (!answer.content) return fail(exchange, call, answer.failure);

  const cache::Content& content = *answer.content;
  const bool by_tag = !call.digest;
  const DigestText digest(content.digest);
  if (by_tag && !accepts(exchange.request(), call.fields, content.media_type))
    return refuse_media_type(exchange, call, content.media_type);
  if (none_match_hits(exchange.request(), call.fields, digest.text())) {
    http::ReplyHead head(304);
    add_content_fields(head, call, answer, digest, by_tag);
    return exchange.reply_head(head, std::numeric_limits<std::uint64_t>::max());
  }
  http::ReplyHead head(200);
  if (!content.media_type.empty()) head.add("Content-Type", content.media_type);
  add_content_fields(head, call, answer, digest, by_tag);
  send_content(exchange, head, answer.content, exchange.executor());
}

}  // namespace entrepot::registry
