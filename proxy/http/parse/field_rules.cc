// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/field_rules.h"

#include <algorithm>
#include <limits>

#include "proxy/base/text.h"
#include "proxy/http/parse/chars.h"
#include "proxy/http/parse/host.h"
#include "proxy/http/parse/limits.h"

namespace entrepot::http {
namespace {

bool parse_length(std::string_view text, std::uint64_t& out) {
  constexpr std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
  if (text.empty()) return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (out > (max - digit) / 10) return false;
    out = out * 10 + digit;
  }
  return true;
}

// Only "chunked" is implemented. A list that contains chunked and more is a framing error; any
// other coding is not implemented (RFC 9112 §6.1).
Refusal check_coding(std::string_view value, bool http_1_0) {
  if (http_1_0) return {400, "Transfer-Encoding in HTTP/1.0"};
  if (equals_ignoring_case(value, "chunked")) return {};
  bool chunked_within = value.empty();
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t comma = std::min(value.find(',', begin), value.size());
    const std::string_view coding = trim(value.substr(begin, comma - begin));
    if (coding.empty() || (equals_ignoring_case(coding, "chunked") && comma < value.size()))
      chunked_within = true;
    begin = comma + 1;
  }
  if (chunked_within) return {400, "malformed Transfer-Encoding"};
  return {501, "transfer coding not implemented"};
}

struct Found {
  int hosts = 0;
  int lengths = 0;
  int codings = 0;
  std::string_view host, length, coding, expect;
};

// Compares lengths first, because most fields are none of these.
Found find(const std::vector<Request::Field>& fields) {
  Found found;
  for (const auto& [name, value] : fields) {
    if (name.size() == 4 && name == "host") {
      ++found.hosts;
      found.host = value;
    } else if (name.size() == 6 && name == "expect") {
      found.expect = value.empty() ? std::string_view(" ") : value;
    } else if (name.size() == 14 && name == "content-length") {
      ++found.lengths;
      found.length = value;
    } else if (name.size() == 17 && name == "transfer-encoding") {
      ++found.codings;
      found.coding = value;
    }
  }
  return found;
}

Refusal apply_framing(const Found& found, bool http_1_0, Framing& framing) {
  if (found.codings > 0) {
    if (found.lengths > 0) return {400, "Content-Length and Transfer-Encoding"};
    if (found.codings > 1) return {400, "Transfer-Encoding given twice"};
    if (const Refusal refusal = check_coding(found.coding, http_1_0)) return refusal;
    framing.kind = Framing::Kind::chunked;
  } else if (found.lengths > 0) {
    if (found.lengths > 1) return {400, "Content-Length given twice"};
    if (!parse_length(found.length, framing.length)) return {400, "malformed Content-Length"};
    if (framing.length >= limits::absurd) return {413, "content too large"};
    if (framing.length > 0) framing.kind = Framing::Kind::length;
  }
  return {};
}

}  // namespace

Refusal apply_field_rules(const std::vector<Request::Field>& fields, bool http_1_0,
                          Framing& framing, std::string_view& host) {
  const Found found = find(fields);
  if (found.hosts > 1) return {400, "Host given twice"};
  if (found.hosts == 0 && !http_1_0) return {400, "Host missing"};
  if (found.hosts == 1 && !valid_host(found.host)) return {400, "malformed Host"};
  host = found.host;
  if (const Refusal refusal = apply_framing(found, http_1_0, framing)) return refusal;
  if (found.expect.empty() || http_1_0) return {};
  if (!equals_ignoring_case(found.expect, "100-continue"))
    return {417, "expectation not met", false};
  framing.expects_continue = framing.kind != Framing::Kind::none;
  return {};
}

}  // namespace entrepot::http
