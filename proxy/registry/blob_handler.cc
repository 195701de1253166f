// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/blob_handler.h"

#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/registry/pending.h"
#include "proxy/registry/reply/content_body.h"
#include "proxy/registry/reply/multipart.h"
#include "proxy/registry/reply/reply.h"

namespace entrepot::registry {
namespace {

constexpr std::string_view blob_type = "application/octet-stream";

/// Evaluates the Range field for a blob of known size. Range is defined for GET only (RFC 9110
/// §14.2), and several Range fields are ignored.
RangeDecision requested_range(const http::Request& request, const Call& call,
                              const cache::Content& content, const DigestText& digest) {
  if (request.is_head() || call.fields.range.count != 1) return {};
  if (!range_applies(call.fields, digest.text())) return {};
  auto decision = decide_range(call.fields.range.value, content.size);
  // A pass-through blob is read once, from its beginning.
  const bool is_pass_through = content.file && content.file->discardable();
  if (is_pass_through && decision.kind == RangeDecision::Kind::parts) return {};
  return decision;
}

/// True if the client already has the blob, so that the reply is 304 without a body (RFC 9110
/// §13.1.2).
bool client_has_it(const http::Request& request, const Call& call, const DigestText& digest) {
  return none_match_hits(request, call.fields, digest.text());
}

cache::BlobUse use_of(const http::Exchange& exchange, const Call& call, const DigestText& digest) {
  const http::Request& request = exchange.request();
  if (call.fields.range.count > 0) return {.ranged = true, .reader = cache::Client::nobody};
  if (request.is_head() || client_has_it(request, call, digest)) return {};
  return {.ranged = false, .reader = client_of(exchange)};
}

/// The ranges that the cache has to fetch.
cache::RequestedRanges requested_ranges_of(const Call& call, const DigestText& digest) {
  if (call.fields.range.count != 1) return {};
  if (!range_applies(call.fields, digest.text())) return {};
  const auto outline = outline_range(call.fields.range.value);
  if (!outline.pieces) return {};
  cache::RequestedRanges wanted{.pieces = true, .first = {}, .in = {}};
  if (outline.first) wanted.first = outline.first->span();
  wanted.in = [field = std::string(call.fields.range.value)](
                  std::uint64_t size) -> std::optional<std::vector<cache::Span>> {
    const auto decision = decide_range(field, size);
    if (decision.kind == RangeDecision::Kind::whole) return std::nullopt;
    if (decision.kind == RangeDecision::Kind::part && decision.ranges.front().length() == size)
      return std::nullopt;
    std::vector<cache::Span> spans;
    for (const auto& range : decision.ranges) spans.push_back(range.span());
    return spans;
  };
  return wanted;
}

/// A view that withholds the last bytes until the digest is verified, even if the request was for
/// ranges. The file may have changed to pass-through meanwhile, which serves no ranges.
std::shared_ptr<const cache::Content> with_proven_policy(
    const std::shared_ptr<const cache::Content>& content) {
  if (content->reach == cache::Progress::ReadPolicy::proven) return content;
  auto whole = *content;
  whole.reach = cache::Progress::ReadPolicy::proven;
  return std::make_shared<const cache::Content>(std::move(whole));
}

}  // namespace

void BlobHandler::handle(const http::ExchangePtr& exchange, Call& call) const {
  call.digest = cache::Digest::parse(call.route.reference);
  if (!call.digest)
    return refuse(
        *exchange, call,
        {{400, ErrorCode::digest_invalid, "invalid or unsupported digest"}, RefusalReason::digest});
  const DigestText digest(*call.digest);
  const cache::BlobUse use = use_of(*exchange, call, digest);
  call.reader = use.reader;
  if (const auto found = cache_.find_blob(call.repository_ref(), *call.digest, use))
    return answer(*exchange, call, *found);
  if (!begin_wait(*exchange, call)) return;
  const bool no_body =
      exchange->request().is_head() || client_has_it(exchange->request(), call, digest);
  cache_.fetch_blob(
      call.repository_ref(), *call.digest, no_body, requester_of(*exchange, call),
      [this, exchange](const cache::Answer& found) {
        if (Call* waiting = waiting_call(*exchange)) answer(*exchange, *waiting, found);
      },
      no_body ? cache::RequestedRanges{} : requested_ranges_of(call, digest));
}

void BlobHandler::finished(const Call& call, const http::ReplyStats& stats) const {
  if (stats.status != 200 || !stats.complete || call.reader == cache::Client::nobody) return;
  cache_.delivered(*call.digest, {call.reader, stats.body_bytes, call.is_arriving});
}

void BlobHandler::answer(http::Exchange& exchange, Call& call, const cache::Answer& answer) const {
  call.outcome = answer.outcome;
  call.reason = answer.reason;
  if (!answer.content) return fail(exchange, call, answer.failure);
  call.is_arriving = answer.content->progress != nullptr;

  const DigestText digest(answer.content->digest);
  const bool not_modified = client_has_it(exchange.request(), call, digest);
  const RangeDecision range =
      not_modified ? RangeDecision{}
                   : requested_range(exchange.request(), call, *answer.content, digest);
  if (range.kind == RangeDecision::Kind::unsatisfiable)
    return refuse_range(exchange, call, answer.content->size);
  if (range.kind == RangeDecision::Kind::too_many)
    return refuse(exchange, call,
                  {{400, ErrorCode::range_invalid, "more than 1024 ranges in one request"},
                   RefusalReason::ranges});

  const bool parts = range.kind == RangeDecision::Kind::parts;
  const bool part = range.kind == RangeDecision::Kind::part;
  http::ReplyHead head(not_modified ? 304 : part || parts ? 206 : 200);
  if (!not_modified && !parts) head.add("Content-Type", blob_type);
  head.add("Accept-Ranges", "bytes");
  add_content_fields(head, call, answer, digest, false);
  if (not_modified) return exchange.reply_head(head, std::numeric_limits<std::uint64_t>::max());
  const std::uint64_t size = answer.content->size;
  if (parts) {
    auto [content_type, pieces] = make_multipart(range.ranges, size, blob_type);
    head.add("Content-Type", content_type);
    return send_pieces(exchange, head, answer.content, std::move(pieces));
  }
  if (!part)
    return send_content(exchange, head, with_proven_policy(answer.content), exchange.executor());
  const ByteRange& only = range.ranges.front();
  head.add("Content-Range", content_range(only, size));
  send_pieces(exchange, head, answer.content, {.list = {piece_of(only)}});
}

void BlobHandler::send_pieces(http::Exchange& exchange, const http::ReplyHead& head,
                              const std::shared_ptr<const cache::Content>& content,
                              http::Pieces pieces) const {
  const auto& bytes = content->bytes;
  if (bytes && !pieces.text) {
    const http::Piece& only = pieces.list.front();
    const http::SharedText text{bytes, std::string_view(*bytes).substr(only.offset, only.length)};
    exchange.reply(head, std::span(&text, 1));
  } else if (bytes) {
    exchange.reply(head, std::make_unique<http::MemoryBody>(bytes), std::move(pieces));
  } else {
    exchange.reply(head, std::make_unique<ContentBody>(content, exchange.executor()),
                   std::move(pieces));
  }
}

}  // namespace entrepot::registry
