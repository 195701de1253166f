// SPDX-License-Identifier: Apache-2.0
// A Range field: first line the size of the body, the rest the field.
#include "proxy/registry/request/range.h"

#include "proxy/base/text.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void run(std::string_view input) {
  using registry::RangeDecision;
  const auto size = parse_number(take_line(input)).value_or(1);
  const auto decision = registry::decide_range(input, size);
  const bool partial =
      decision.kind == RangeDecision::Kind::part || decision.kind == RangeDecision::Kind::parts;
  require(partial == !decision.ranges.empty(), "parts without ranges, or the reverse");
  std::uint64_t left = size;
  for (const auto& range : decision.ranges) {
    require(range.first <= range.last, "a range that ends before it begins");
    require(range.last < size, "a range beyond the end");
    require(range.length() <= left, "more is answered than there is");
    left -= range.length();
  }
  const auto outline = registry::outline_range(input);
  require(outline.pieces || !outline.first, "a first piece where there are none");
  require(!outline.first || outline.first->first <= outline.first->last,
          "a piece that ends before it begins");
}

}  // namespace entrepot::fuzz
