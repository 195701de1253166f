// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/request.h"

namespace entrepot::registry {

/// One field as it came: the first value and how often.
struct FieldValue {
  std::string_view value;
  std::uint32_t count = 0;
  explicit operator bool() const { return count > 0; }
};

/// The request fields that any handler looks at, found in one pass; every other field is ignored
/// (Cookie, Forwarded, X-Forwarded-*, Proxy, …). Views into the request.
struct RequestFields {
  FieldValue accept;
  FieldValue authorization;
  FieldValue if_none_match;
  FieldValue if_range;
  FieldValue range;
  FieldValue via;
  /// Cache-Control or Pragma asks for an answer checked with the upstream.
  bool no_cache = false;
};
RequestFields scan_fields(const http::Request& request);

/// Calls `use` with each value of a field, which `field` counted, until `use` returns false.
template <typename Use>
void for_each_value(const http::Request& request, std::string_view name, const FieldValue& field,
                    Use use) {
  if (field.count == 1) {
    use(field.value);
    return;
  }
  for (const http::Request::Field& candidate : request.fields())
    if (candidate.name == name && !use(candidate.value)) return;
}

/// Accept negotiation for a manifest named by tag (protocol notes 1.4): true unless Accept lists
/// types and neither `*/*`, nor its major type with `/*`, nor `media_type` is among them.
/// Parameters count for nothing, `q` included, as in the distribution project. At most 16 KiB are
/// looked at; beyond that everything is acceptable.
bool accepts(const http::Request& request, const RequestFields& fields,
             std::string_view media_type);

/// The types of manifests and artefacts that an Accept names besides those every mirror asks for,
/// without their weights, as elements of an Accept: at most four, each of at most 255 bytes. What
/// else a client writes is not passed on.
std::string own_types(const http::Request& request, const RequestFields& fields);

/// If-None-Match (RFC 9110 §13.1.2): true when it names `digest` (quoted, weak or bare) or is `*`.
bool none_match_hits(const http::Request& request, const RequestFields& fields,
                     std::string_view digest);

/// False when If-Range tells to ignore Range: it came, and is not strongly equal to the entity tag
/// of `digest` (RFC 9110 §13.1.5).
bool range_applies(const RequestFields& fields, std::string_view digest);

/// True for a value of Authorization that follows RFC 9110 §11.4 (and, for Basic, base64) and has
/// at most 16 KiB. We never use it; a broken one is refused so that its sender learns of it.
bool well_formed_authorization(std::string_view value);

}  // namespace entrepot::registry
