// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/referrers_handler.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/registry/pending.h"
#include "proxy/registry/referrers_filter.h"
#include "proxy/registry/reply.h"

namespace entrepot::registry {
namespace {

constexpr std::string_view index_type = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view index_begin =
    R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)";

/// The descriptors of these types, in the order of the types; of all where there are none.
std::vector<http::SharedText> index_of(const cache::Referrers& referrers,
                                       const std::vector<std::string>& artifact_types) {
  static const http::SharedText begin = own_text(std::string(index_begin));
  static const http::SharedText comma = own_text(",");
  static const http::SharedText end = own_text("]}");
  std::vector<http::SharedText> texts{begin};
  if (artifact_types.empty()) texts.push_back({referrers.all, *referrers.all});
  for (const std::string& type : artifact_types) {
    const auto found = referrers.by_type.find(type);
    if (found == referrers.by_type.end()) continue;
    if (texts.size() > 1) texts.push_back(comma);
    texts.push_back({found->second, *found->second});
  }
  texts.push_back(end);
  return texts;
}

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

  static const cache::Referrers nothing{std::make_shared<const std::string>(), {}};
  http::ReplyHead head(200);
  add_listing_fields(head, call, answer.outcome);
  if (!artifact_types.empty()) head.add("OCI-Filters-Applied", "artifactType");
  send_list(exchange, head, index_type,
            index_of(none ? nothing : *answer.referrers, artifact_types));
}

}  // namespace entrepot::registry
