// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/parse/request.h"

namespace entrepot::registry {

/// The first value of a field and the number of its occurrences.
struct FieldValue {
  std::string_view value;
  std::uint32_t count = 0;
  explicit operator bool() const { return count > 0; }
};

/// The request fields used by handlers, collected in one pass. Every other field is ignored
/// (Cookie, Forwarded, X-Forwarded-*, Proxy, …). Views into the request.
struct RequestFields {
  FieldValue accept;
  FieldValue authorization;
  FieldValue if_none_match;
  FieldValue if_range;
  FieldValue range;
  FieldValue user_agent;
  FieldValue via;
  /// Cache-Control or Pragma requests revalidation with the upstream.
  bool no_cache = false;
};
RequestFields scan_fields(const http::Request& request);

/// Calls `use` with each value of a field until it returns false. `field` is the field's entry in
/// RequestFields.
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

/// Accept negotiation for a manifest named by tag: true unless Accept lists types and contains
/// neither `*/*`, nor its major type with `/*`, nor `media_type`. Parameters are ignored, including
/// `q`, as in the distribution project. Examines at most 16 KiB; a longer field accepts everything.
bool accepts(const http::Request& request, const RequestFields& fields,
             std::string_view media_type);

/// The types of manifests and artefacts in Accept other than those that every mirror requests,
/// without weights, as elements of an Accept field: at most four of at most 255 bytes each. All
/// other elements are dropped.
std::string extra_types(const http::Request& request, const RequestFields& fields);

/// Evaluates If-None-Match (RFC 9110 §13.1.2): true if it contains `digest` (quoted, weak or bare)
/// or is `*`.
bool none_match_hits(const http::Request& request, const RequestFields& fields,
                     std::string_view digest);

/// Evaluates If-Range (RFC 9110 §13.1.5): false, so that Range is ignored, if it is present and not
/// strongly equal to the entity tag of `digest`.
bool range_applies(const RequestFields& fields, std::string_view digest);

/// True for an Authorization value that follows RFC 9110 §11.4 (and, for Basic, base64) and has at
/// most 16 KiB. The value is never used; a malformed one is rejected so that its sender notices.
bool well_formed_authorization(std::string_view value);

}  // namespace entrepot::registry
