// SPDX-License-Identifier: Apache-2.0
// A Range field: first line the size of the body, the rest the field.
#include "proxy/registry/range.h"

#include "proxy/upstream/text.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void run(std::string_view input) {
  using registry::RangeDecision;
  const auto size = upstream::parse_number(take_line(input)).value_or(1);
  const auto decision = registry::decide_range(input, size);
  if (decision.kind != RangeDecision::Kind::part) return;
  require(decision.first <= decision.last, "a range that ends before it begins");
  require(decision.last < size, "a range beyond the end");
}

}  // namespace entrepot::fuzz
