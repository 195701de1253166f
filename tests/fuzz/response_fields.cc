// SPDX-License-Identifier: Apache-2.0
// The values of an upstream's response fields: challenges, ranges, types, waits, links, digests.
#include <string>
#include <vector>

#include "cache/base/digest.h"
#include "proxy/upstream/auth/challenge.h"
#include "proxy/upstream/wire/content_range.h"
#include "proxy/upstream/wire/link.h"
#include "proxy/upstream/wire/media_type.h"
#include "proxy/upstream/wire/retry_after.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void read_link(const std::vector<std::string>& values) {
  static const auto list = upstream::Url::parse("https://registry.test/v2/a/tags/list?ns=one");
  const auto target = upstream::next_link(values);
  const auto next = target ? upstream::next_page(*list, *target) : std::nullopt;
  if (next) require(next->text().starts_with(list->text()), "a next page of another list");
}

void run(std::string_view input) {
  const std::vector<std::string> values(2, std::string(input));
  const auto challenges = upstream::parse_challenges(values);
  require(challenges.size() <= 16, "more challenges than allowed");
  for (const auto& challenge : challenges) {
    require(!challenge.scheme.empty(), "a challenge without a scheme");
    require(challenge.parameters.size() <= 16, "more parameters than allowed");
  }
  if (const auto range = upstream::parse_content_range(input)) {
    require(range->part || range->total, "a range of nothing");
    if (range->part) require(range->part->first <= range->part->last, "a range backwards");
    if (range->part && range->total) require(range->part->last < *range->total, "beyond the end");
  }
  const auto type = upstream::parse_media_type(input);
  require(type.size() <= 255 && type.find_first_of("\r\n;, \t") == std::string::npos,
          "no media type");
  const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
  if (const auto wait = upstream::parse_retry_after(input, now))
    require(wait->count() >= 0 && *wait <= upstream::max_retry_after, "a wait out of bounds");
  upstream::parse_ratelimit(input);
  read_link(values);
  if (const auto digest = cache::Digest::parse(input))
    require(digest->str() == input, "a digest in two forms");
}

}  // namespace entrepot::fuzz
