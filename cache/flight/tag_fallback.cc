// SPDX-License-Identifier: Apache-2.0
#include "cache/flight/tag_fallback.h"

#include <utility>

namespace entrepot::cache {

bool TagFallback::take(const ObjectRequest& request, const Failure& failure) const {
  if (request.resource != Resource::manifest || request.from_tag || !lacks_digest(failure))
    return false;
  auto tag = tags_->tag_of(request.repository, request.digest);
  if (!tag) return false;
  TagRequest by_tag{request.repository,
                    std::move(*tag),
                    request.head,
                    /*revalidate=*/false,
                    {request.reply.requester(),
                     [reply = request.reply, digest = request.digest, failure](Answer answer) {
                       const bool same = answer.content && answer.content->digest == digest;
                       if (answer.content && !same)
                         answer = {Outcome::error, AnswerReason::absent, nullptr, failure};
                       // It is the digest that was missing, not the tag that was due.
                       if (same && answer.outcome == Outcome::revalidated) {
                         answer.outcome = Outcome::miss;
                         answer.reason = AnswerReason::absent;
                       }
                       reply(std::move(answer));
                     }}};
  by_tag.by_tag = true;
  router_->route(std::move(by_tag));
  return true;
}

}  // namespace entrepot::cache
