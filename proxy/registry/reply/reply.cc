// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/reply/reply.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "proxy/registry/reply/content_body.h"

namespace entrepot::registry {
namespace {

/// The only form that clients show to their users (distribution-spec, "Warnings").
constexpr std::string_view stale_warning = "299 - \"stale: upstream unreachable\"";

void send_error(http::Exchange& exchange, const Call& call, http::ReplyHead& head,
                const Error& error) {
  head.add("Content-Type", json_type);
  head.add("Cache-Control", "no-store");
  add_namespace(head, call);
  if (!error.challenge.empty()) head.add("WWW-Authenticate", error.challenge);
  if (error.retry_after.count() > 0)
    head.add("Retry-After", static_cast<std::uint64_t>(error.retry_after.count()));
  const std::string body = error_body(error.code, error.message);
  exchange.reply(head, std::string_view(body));
}

std::uint64_t seconds(std::chrono::seconds duration) {
  return duration.count() > 0 ? static_cast<std::uint64_t>(duration.count()) : 0;
}

/// Reports the freshness of a tag. Content by digest is always fresh.
void add_tag_status(http::ReplyHead& head, const cache::Answer& answer) {
  std::array<char, 96> buffer;
  char* end = buffer.data();
  for (const std::string_view part : {cache_status(answer.outcome), std::string_view("; ttl=")})
    end = std::copy(part.begin(), part.end(), end);
  end = std::to_chars(end, buffer.data() + buffer.size(), seconds(answer.fresh_for)).ptr;
  head.add("Cache-Status",
           std::string_view(buffer.data(), static_cast<std::size_t>(end - buffer.data())));
}

}  // namespace

std::string_view cache_status(metrics::Outcome outcome) {
  switch (outcome) {
    case metrics::Outcome::hit:
      return "entrepot; hit";
    case metrics::Outcome::joined:
      return "entrepot; fwd=uri-miss; collapsed";
    case metrics::Outcome::stale:
      return "entrepot; fwd=stale; detail=upstream-unreachable";
    case metrics::Outcome::revalidated:
      return "entrepot; fwd=stale";
    case metrics::Outcome::bypass:
      return "entrepot; fwd=bypass";
    case metrics::Outcome::miss:
    case metrics::Outcome::error:
    case metrics::Outcome::refused:
    case metrics::Outcome::tls:
      break;
  }
  return "entrepot; fwd=uri-miss";
}

void add_namespace(http::ReplyHead& head, const Call& call) {
  if (!call.ns.empty()) head.add("OCI-Namespace", call.ns);
}

void refuse(http::Exchange& exchange, Call& call, const Refusal& refusal) {
  call.outcome = metrics::Outcome::refused;
  call.refusal = refusal.reason;
  http::ReplyHead head(refusal.error.status);
  send_error(exchange, call, head, refusal.error);
}

void refuse_method(http::Exchange& exchange, Call& call) {
  call.outcome = metrics::Outcome::refused;
  call.refusal = RefusalReason::method;
  http::ReplyHead head(405);
  head.add("Allow", "GET, HEAD");
  send_error(
      exchange, call, head,
      {405, ErrorCode::unsupported, "this is a read-only mirror; push to the registry itself"});
}

void refuse_media_type(http::Exchange& exchange, Call& call, std::string_view media_type) {
  call.outcome = metrics::Outcome::refused;
  call.refusal = RefusalReason::accept;
  http::ReplyHead head(404);
  head.add("Vary", "Accept");
  const std::string message =
      "the tag is of type " + std::string(media_type) + ", which the Accept field does not list";
  send_error(exchange, call, head, {404, ErrorCode::manifest_unknown, message});
}

void refuse_range(http::Exchange& exchange, const Call& call, std::uint64_t size) {
  http::ReplyHead head(416);
  head.add("Content-Range", "bytes */" + std::to_string(size));
  head.add("Accept-Ranges", "bytes");
  send_error(exchange, call, head, {416, ErrorCode::range_invalid, "range not satisfiable"});
}

void fail(http::Exchange& exchange, Call& call, const cache::Failure& failure) {
  const Error error = error_for(failure, call.route.resource, call.upstream->docker_hub);
  // Clients request absent objects all the time. The log explains every other failure, and a 404
  // that this mirror has decided itself.
  const bool decided_here = failure.status != 404 && !failure.reason.empty();
  if (error.status != 404 || decided_here) call.error = failure.message;
  http::ReplyHead head(error.status);
  head.add("Cache-Status", cache_status(call.outcome));
  send_error(exchange, call, head, error);
}

void send_document(http::Exchange& exchange, http::ReplyHead head, const Document& document) {
  head.add("Content-Type", document.content_type);
  exchange.reply(head, document.body);
}

void send_list(http::Exchange& exchange, http::ReplyHead head, std::string_view content_type,
               const std::vector<http::SharedText>& texts) {
  head.add("Content-Type", content_type);
  exchange.reply(head, std::span<const http::SharedText>(texts));
}

http::SharedText own_text(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  const std::string_view all = *owner;
  return {std::move(owner), all};
}

void add_listing_fields(http::ReplyHead& head, const Call& call, metrics::Outcome outcome) {
  head.add("Cache-Control", "no-cache");
  add_namespace(head, call);
  head.add("Cache-Status", cache_status(outcome));
  if (outcome == metrics::Outcome::stale) head.add("Warning", stale_warning);
}

void add_content_fields(http::ReplyHead& head, const Call& call, const cache::Answer& answer,
                        const DigestText& digest, bool by_tag) {
  head.add("Docker-Content-Digest", digest.text());
  head.add("ETag", digest.entity_tag());
  add_namespace(head, call);
  if (!by_tag) {
    head.add("Cache-Control", call.upstream->restricted || call.is_private
                                  ? "private, max-age=31536000, immutable"
                                  : "public, max-age=31536000, immutable");
    // A partial blob: only clients that know digests of its ranges can verify them.
    const bool unproven = answer.outcome == metrics::Outcome::hit && answer.content->progress;
    head.add("Cache-Status",
             unproven ? "entrepot; hit; detail=unproven" : cache_status(answer.outcome));
    return;
  }
  head.add("Cache-Control", "no-cache");
  head.add("Vary", "Accept");
  head.add("Age", seconds(answer.age));
  add_tag_status(head, answer);
  if (answer.outcome == metrics::Outcome::stale) head.add("Warning", stale_warning);
}

void send_content(http::Exchange& exchange, const http::ReplyHead& head,
                  const std::shared_ptr<const cache::Content>& content, cache::Executor& executor) {
  if (exchange.request().is_head()) {
    exchange.reply_head(head, content->size);
  } else if (content->bytes) {
    exchange.reply(head, content->bytes);
  } else {
    exchange.reply(head, std::make_unique<ContentBody>(content, executor),
                   {.list = {{0, content->size}}});
  }
}

}  // namespace entrepot::registry
