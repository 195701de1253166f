// SPDX-License-Identifier: Apache-2.0
// The replies all handlers share. Loop thread of the exchange; each call sends the one reply.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cache/answer.h"
#include "cache/failure.h"
#include "proxy/http/exchange.h"
#include "proxy/registry/call.h"
#include "proxy/registry/digest_text.h"
#include "proxy/registry/target.h"

namespace entrepot::registry {

/// Of errors, and of what the registry API says by itself.
inline constexpr std::string_view json_type = "application/json";

/// Cache-Status (RFC 9211) of an outcome, without `ttl`.
std::string_view cache_status(metrics::Outcome outcome);

/// OCI-Namespace when the request came with an `ns` and an upstream was found.
void add_namespace(http::ReplyHead& head, const Call& call);

/// Refuses: the request is at fault, or the resource does not exist here. The outcome becomes
/// `refused`.
void refuse(http::Exchange& exchange, Call& call, const Refusal& refusal);

/// 405, which says what is allowed.
void refuse_method(http::Exchange& exchange, Call& call);

/// 404 for a tag whose manifest has a type the client does not accept.
void refuse_media_type(http::Exchange& exchange, Call& call, std::string_view media_type);

/// 416, which says how large the blob is; the outcome stays.
void refuse_range(http::Exchange& exchange, const Call& call, std::uint64_t size);

/// Tells that the cache could not have it. The outcome is the answer's.
void fail(http::Exchange& exchange, Call& call, const cache::Failure& failure);

/// 200 with a small JSON document made for this request, such as the ping.
struct Document {
  std::string_view content_type;
  std::string_view body;
};
void send_document(http::Exchange& exchange, http::ReplyHead head, const Document& document);

/// 200 with a JSON document of these texts.
void send_list(http::Exchange& exchange, http::ReplyHead head, std::string_view content_type,
               const std::vector<http::SharedText>& texts);
/// A text that only this reply has.
http::SharedText own_text(std::string text);

/// The fields of every listing.
void add_listing_fields(http::ReplyHead& head, const Call& call, metrics::Outcome outcome);

/// The fields that 200, 206 and 304 for a blob or manifest share: Docker-Content-Digest, ETag,
/// OCI-Namespace, Cache-Control, Cache-Status and, for a tag, Age, Vary and Warning.
void add_content_fields(http::ReplyHead& head, const Call& call, const cache::Answer& answer,
                        const DigestText& digest, bool by_tag);

/// All of `content`, or its length for HEAD. `executor`: the loop of the exchange.
void send_content(http::Exchange& exchange, const http::ReplyHead& head,
                  const std::shared_ptr<const cache::Content>& content, cache::Executor& executor);

}  // namespace entrepot::registry
