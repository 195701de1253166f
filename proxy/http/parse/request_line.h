// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "proxy/http/parse/refusal.h"
#include "proxy/http/parse/request.h"

namespace entrepot::http {

/// A request line taken apart (RFC 9112 §3). Views into the line, or static.
struct RequestLine {
  Method method = Method::get;
  std::string_view target;  ///< origin-form, also where it came as absolute-form
  std::string_view host;    ///< of an absolute-form target: it counts, not the Host field
  bool http_1_0 = false;
};

/// Fills `out` as far as it gets. A refusal with `close` unset comes with all of it filled.
Refusal parse_request_line(std::string_view line, RequestLine& out);

}  // namespace entrepot::http
