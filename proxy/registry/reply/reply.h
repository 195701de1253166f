// SPDX-License-Identifier: Apache-2.0
// The replies shared by all handlers. Loop thread of the exchange; each function that replies sends
// the only reply.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cache/api/answer.h"
#include "cache/base/failure.h"
#include "proxy/http/exchange.h"
#include "proxy/registry/reply/call.h"
#include "proxy/registry/reply/target.h"
#include "proxy/registry/request/digest_text.h"

namespace entrepot::registry {

/// The media type of errors and of documents of the registry API itself.
inline constexpr std::string_view json_type = "application/json";

/// The Cache-Status (RFC 9211) of an outcome, without `ttl`.
std::string_view cache_status(metrics::Outcome outcome);

/// Adds OCI-Namespace if the request had an `ns` and an upstream was found.
void add_namespace(http::ReplyHead& head, const Call& call);

/// Rejects the request: it is invalid, or the resource does not exist on this mirror. Sets the
/// outcome to `refused`.
void refuse(http::Exchange& exchange, Call& call, const Refusal& refusal);

/// Replies 405 with the allowed methods.
void refuse_method(http::Exchange& exchange, Call& call);

/// Replies 404 for a tag whose manifest has a type that the client does not accept.
void refuse_media_type(http::Exchange& exchange, Call& call, std::string_view media_type);

/// Replies 416 with the size of the blob. Keeps the outcome.
void refuse_range(http::Exchange& exchange, const Call& call, std::uint64_t size);

/// Reports a failure of the cache. Keeps the outcome of the answer.
void fail(http::Exchange& exchange, Call& call, const cache::Failure& failure);

/// Sends 200 with a small JSON document generated for this request, such as the ping.
struct Document {
  std::string_view content_type;
  std::string_view body;
};
void send_document(http::Exchange& exchange, http::ReplyHead head, const Document& document);

/// Sends 200 with a JSON document composed of these texts.
void send_list(http::Exchange& exchange, http::ReplyHead head, std::string_view content_type,
               const std::vector<http::SharedText>& texts);
/// A text that belongs to this reply only.
http::SharedText own_text(std::string text);

/// Adds the header fields of every listing.
void add_listing_fields(http::ReplyHead& head, const Call& call, metrics::Outcome outcome);

/// Adds the header fields that 200, 206 and 304 for a blob or manifest share:
/// Docker-Content-Digest, ETag, OCI-Namespace, Cache-Control, Cache-Status and, for a tag, Age,
/// Vary and Warning.
void add_content_fields(http::ReplyHead& head, const Call& call, const cache::Answer& answer,
                        const DigestText& digest, bool by_tag);

/// Sends all of `content`, or its length for HEAD. `executor`: the loop of the exchange.
void send_content(http::Exchange& exchange, const http::ReplyHead& head,
                  const std::shared_ptr<const cache::Content>& content, cache::Executor& executor);

}  // namespace entrepot::registry
