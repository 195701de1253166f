// SPDX-License-Identifier: Apache-2.0
// A chunked request body that is read and discarded: the whole body and single bytes have the same
// result.
#include "proxy/http/parse/body_skipper.h"
#include "proxy/http/parse/limits.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {
namespace {

using http::BodySkipper;

struct Verdict {
  BodySkipper::Result result = BodySkipper::Result::more;
  std::size_t consumed = 0;
  int status = 0;
  bool operator==(const Verdict&) const = default;
};

Verdict drain(std::string_view bytes, std::size_t piece) {
  http::Framing framing;
  framing.kind = http::Framing::Kind::chunked;
  BodySkipper body;
  body.begin(framing);
  Verdict verdict;
  while (verdict.result == BodySkipper::Result::more && verdict.consumed < bytes.size()) {
    std::size_t taken = 0;
    verdict.result = body.feed(bytes.substr(verdict.consumed, piece), taken);
    verdict.consumed += taken;
    require(taken > 0 || verdict.result == BodySkipper::Result::refused, "every call gets on");
  }
  if (verdict.result == BodySkipper::Result::refused) {
    verdict.status = body.refusal().status;
    verdict.consumed = 0;
  }
  return verdict;
}

}  // namespace

void run(std::string_view input) {
  const Verdict whole = drain(input, input.size() + 1);
  const Verdict cut = drain(input, 1);
  // Over the budget a whole piece may be malformed further on; both are refusals.
  if (whole.result == BodySkipper::Result::refused && input.size() > http::limits::drained) {
    require(cut.result == BodySkipper::Result::refused, "refused whole, taken in pieces");
    return;
  }
  require(whole == cut, "the verdict depends on how the bytes were cut");
}

}  // namespace entrepot::fuzz
