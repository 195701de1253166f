// SPDX-License-Identifier: Apache-2.0
// A client's request head: the verdict must not depend on how TCP cut the bytes, and an accepted
// head must keep the promises of request.h.
#include <algorithm>
#include <string>

#include "proxy/http/parse/request_parser.h"
#include "proxy/registry/request/request_fields.h"
#include "proxy/registry/request/via.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {
namespace {

using http::Request;
using http::RequestParser;

struct Verdict {
  RequestParser::Result result = RequestParser::Result::more;
  std::size_t consumed = 0;
  std::string target;
  bool operator==(const Verdict&) const = default;
};

Verdict parse(std::string_view bytes, std::size_t piece, Request& request) {
  RequestParser parser;
  parser.begin(request);
  Verdict verdict;
  while (verdict.result == RequestParser::Result::more && verdict.consumed < bytes.size()) {
    std::size_t taken = 0;
    verdict.result = parser.feed(bytes.substr(verdict.consumed, piece), taken);
    verdict.consumed += taken;
    if (verdict.result == RequestParser::Result::more)
      require(taken == std::min(piece, bytes.size() - (verdict.consumed - taken)),
              "a head that is not complete takes all bytes");
  }
  if (verdict.result == RequestParser::Result::refused) {
    // The parser may report either of two faults, and may refuse earlier or later in a piece.
    verdict.consumed = 0;
    require(parser.refusal().status >= 400, "a refusal has a status");
  }
  if (verdict.result == RequestParser::Result::complete) verdict.target = request.target();
  return verdict;
}

void check_request(const Request& request) {
  require(request.target().starts_with('/'), "origin-form only");
  for (const std::string_view text : {request.target(), request.path()})
    require(std::none_of(text.begin(), text.end(), [](char c) { return c == '\0' || c == '\n'; }),
            "no control bytes in a target");
  for (const auto& field : request.fields())
    for (const char c : field.value)
      require(c != '\r' && c != '\n' && c != '\0', "no line end in a field value");
  const auto fields = registry::scan_fields(request);
  registry::accepts(request, fields, "application/vnd.oci.image.index.v1+json");
  registry::none_match_hits(request, fields, "sha256:00");
  registry::range_applies(fields, "sha256:00");
  registry::well_formed_authorization(fields.authorization.value);
  const std::string via = registry::via_of(request, fields);
  require(via.empty() || fields.via, "a Via out of nothing");
  registry::is_loop(via, "me");
  for (const char c : registry::forwarded_via(via))
    require(c >= ' ' && c < 0x7f && c != '(', "only well-formed entries go along");
  require(registry::is_loop(via + ", 1.1 me", "me"), "a Via that hides what follows");
}

}  // namespace

void run(std::string_view input) {
  if (input.empty()) return;
  const auto piece = static_cast<std::size_t>(static_cast<unsigned char>(input.front())) + 1;
  input.remove_prefix(1);
  Request whole_request;
  Request cut_request;
  const Verdict whole = parse(input, input.size() + 1, whole_request);
  const Verdict cut = parse(input, piece, cut_request);
  require(whole == cut, "the verdict depends on how the bytes were cut");
  if (whole.result == RequestParser::Result::complete) check_request(whole_request);
}

}  // namespace entrepot::fuzz
