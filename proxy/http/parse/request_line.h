// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "proxy/http/parse/refusal.h"
#include "proxy/http/parse/request.h"

namespace entrepot::http {

/// The parts of a request line (RFC 9112 §3). Views into the line, or static.
struct RequestLine {
  Method method = Method::get;
  std::string_view target;  ///< in origin-form, even if it came in absolute-form
  std::string_view host;    ///< of an absolute-form target; replaces the Host field
  bool http_1_0 = false;
};

/// Parses `line` into `out`. With a refusal whose `close` is false, `out` is complete; with any
/// other one, parts may be missing. Pure; any thread.
Refusal parse_request_line(std::string_view line, RequestLine& out);

}  // namespace entrepot::http
