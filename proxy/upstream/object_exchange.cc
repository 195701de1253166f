// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/object_exchange.h"

#include <string_view>
#include <utility>

#include "cache/base/digest.h"
#include "proxy/upstream/wire/content_range.h"
#include "proxy/upstream/wire/media_type.h"

namespace entrepot::upstream {
namespace {

metrics::Kind kind_of(cache::Resource resource) {
  return resource == cache::Resource::manifest ? metrics::Kind::manifest : metrics::Kind::blob;
}

}  // namespace

bool is_empty_blob(std::string_view reference) {
  const auto digest = cache::Digest::parse(reference);
  return digest && *digest == cache::digest_of(digest->algorithm(), "");
}

RequestSpec object_spec(const cache::FetchRequest& request, const RequestedPart& part,
                        const EndpointAddress& address, const Waiters& waiters,
                        std::string_view if_range) {
  const bool manifest = request.resource == cache::Resource::manifest;
  const std::string path =
      "/v2/" + request.repository + (manifest ? "/manifests/" : "/blobs/") + request.reference;
  RequestSpec spec{.kind = kind_of(request.resource),
                   .head = request.head && !part.instead_of_head,
                   .repository = request.repository,
                   .url = address.of(path),
                   .headers = {},
                   .via = request.via,
                   .clients = waiters.clients,
                   .demand = waiters.demand,
                   .measured = true};
  if (manifest) {
    std::string accept = "Accept: " + std::string(manifest_accept);
    if (!request.accept.empty()) accept += ", " + request.accept;
    spec.headers.push_back(accept.append(accept_the_rest));
  }
  if (part.ranged) {
    std::string range = "Range: bytes=" + std::to_string(part.begin) + '-';
    if (part.instead_of_head) {
      range += '0';
    } else if (request.end) {
      range += std::to_string(*request.end - 1);
    }
    spec.headers.push_back(std::move(range));
    if (!if_range.empty()) spec.headers.push_back("If-Range: " + std::string(if_range));
  }
  return spec;
}

std::variant<ObjectPlace, std::string> place_of(const ResponseHead& head, const RequestedPart& part,
                                                const cache::FetchRequest& request) {
  const bool manifest = request.resource == cache::Resource::manifest;
  if (manifest && is_page(head)) return "answered with " + std::string(page_phrase);
  if (head.status == 200) {
    // Some registries answer HEAD with a length of 0.
    const bool unknown =
        head.content_length == 0 && request.head && !is_empty_blob(request.reference);
    return ObjectPlace{.begin = 0, .total = unknown ? std::nullopt : head.content_length};
  }
  if (head.status != 206)
    return "answered " + std::to_string(head.status) + " where an object was expected";
  const auto range = parse_content_range(head.content_range);
  if (!part.ranged || !range || !range->part || range->part->first != part.begin)
    return "answered 206 with another range than the one asked for";
  return ObjectPlace{.begin = part.begin, .total = range->total};
}

cache::FetchHead describe(const cache::FetchRequest& request, const RequestedPart& part,
                          const ResponseHead& head, const ObjectPlace& place) {
  cache::FetchHead described;
  described.size = place.total;
  described.media_type = parse_media_type(head.content_type);
  if (request.resource == cache::Resource::manifest && !is_manifest_type(described.media_type))
    described.media_type.clear();
  described.digest = cache::Digest::parse(head.docker_content_digest);
  described.from_beginning = part.ranged && head.status == 200;
  described.with_body = part.instead_of_head && request.or_get;
  return described;
}

}  // namespace entrepot::upstream
