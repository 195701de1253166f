// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/tags_handler.h"

#include <string>
#include <string_view>
#include <utility>

#include "proxy/registry/pending.h"
#include "proxy/registry/reply/reply.h"
#include "proxy/registry/request/query.h"

namespace entrepot::registry {
namespace {

std::string query_of_next(std::size_t n, std::string_view last, std::string_view ns) {
  std::string query = "n=" + std::to_string(n);
  query.append("&last=").append(last);
  if (!ns.empty()) query.append("&ns=").append(encode_parameter(ns));
  return query;
}

}  // namespace

void TagsHandler::handle(const http::ExchangePtr& exchange, Call& call) const {
  std::optional<PageRequest> request = parse_page(exchange->request().query());
  if (!request)
    return refuse(
        *exchange, call,
        {{400, ErrorCode::pagination_number_invalid, "invalid n or last"}, RefusalReason::page});
  if (!begin_wait(*exchange, call)) return;
  cache_.fetch_tags(
      call.repository_ref(), requester_of(*exchange, call),
      [this, exchange, request = std::move(*request)](const cache::ListingAnswer& found) {
        if (Call* waiting = waiting_call(*exchange)) answer(*exchange, *waiting, request, found);
      });
}

void TagsHandler::answer(http::Exchange& exchange, Call& call, const PageRequest& request,
                         const cache::ListingAnswer& answer) const {
  call.outcome = answer.outcome;
  call.reason = answer.reason;
  if (!answer.tags) return fail(exchange, call, answer.failure);

  const cache::TagList& tags = *answer.tags;
  const Page page = page_of(tags, request);
  http::ReplyHead head(200);
  add_listing_fields(head, call, answer.outcome);
  if (page.more)
    head.add("Link",
             link_to_next(exchange.request().path(),
                          query_of_next(page.count, tags[page.first + page.count - 1], call.ns)));
  // Names and tags conform to their grammars, so nothing needs escaping.
  std::string begin = R"({"name":")";
  begin.append(call.route.name).append(R"(","tags":[)");
  send_list(exchange, head, "application/json",
            {own_text(std::move(begin)),
             {tags.text(), tags.elements(page.first, page.count)},
             own_text("]}")});
}

}  // namespace entrepot::registry
