// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/http/parse/refusal.h"
#include "proxy/http/parse/request.h"

namespace entrepot::http {

/// How the body of a request is delimited (RFC 9112 §6.3).
struct Framing {
  enum class Kind : std::uint8_t { none, length, chunked };
  Kind kind = Kind::none;
  std::uint64_t length = 0;       ///< bytes, with Kind::length; never 0 then
  bool expects_continue = false;  ///< the client waits for 100 before it sends the body
};

/// Checks the fields that frame a request or name its host, and fills `framing` and `host`. As
/// strict as RFC 9112 permits: one Host, one Content-Length of digits only, one Transfer-Encoding
/// that is "chunked", and never both of the latter. Pure; any thread.
Refusal apply_field_rules(const std::vector<Request::Field>& fields, bool http_1_0,
                          Framing& framing, std::string_view& host);

}  // namespace entrepot::http
