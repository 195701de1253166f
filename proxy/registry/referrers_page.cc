// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/referrers_page.h"

#include <algorithm>
#include <utility>

#include "proxy/registry/request/query.h"

namespace entrepot::registry {
namespace {

using cache::Referrers;

constexpr std::size_t max_types = 16;
/// "sha512:" and 128 digits.
constexpr std::size_t max_digest = 135;

/// Parses a place: its artifactType, '@' and its digest.
std::optional<Referrers::Place> parse_place(std::string_view value) {
  const auto text = decode_parameter(value, Referrers::max_type + 1 + max_digest);
  const std::size_t at = text ? text->rfind('@') : std::string::npos;
  if (at > Referrers::max_type) return std::nullopt;  // or no '@' found
  const auto digest = cache::Digest::parse(std::string_view(*text).substr(at + 1));
  if (!digest) return std::nullopt;
  return Referrers::Place{text->substr(0, at), *digest};
}

std::vector<Referrers::Range> ranges_of(const Referrers& referrers,
                                        const ReferrersRequest& request) {
  const std::size_t skipped = request.after ? referrers.count_up_to(*request.after) : 0;
  std::vector<Referrers::Range> ranges;
  const auto add = [&](Referrers::Range range) {
    range.first = std::max(range.first, skipped);
    if (range.first < range.last) ranges.push_back(range);
  };
  if (request.artifact_types.empty()) add({0, referrers.size()});
  for (const std::string& type : request.artifact_types) add(referrers.of_type(type));
  return ranges;
}

}  // namespace

std::optional<ReferrersRequest> parse_referrers(std::string_view query) {
  ReferrersRequest request;
  auto& types = request.artifact_types;
  QueryReader reader(query);
  while (const auto parameter = reader.next()) {
    if (parameter->name != "artifactType" || types.size() == max_types) continue;
    auto type = decode_parameter(parameter->value, Referrers::max_type);
    if (!type || type->empty() || std::ranges::find(types, *type) != types.end()) continue;
    types.push_back(std::move(*type));
  }
  std::ranges::sort(types);
  const Parameter last = find_parameter(query, "last");
  if (last.count > 1) return std::nullopt;
  if (last.value.empty()) return request;
  request.after = parse_place(last.value);
  return request.after ? std::optional(std::move(request)) : std::nullopt;
}

ReferrersPage page_of(const Referrers& referrers, const ReferrersRequest& request,
                      std::size_t room) {
  ReferrersPage page;
  for (const Referrers::Range& range : ranges_of(referrers, request)) {
    std::size_t count = referrers.count_within(range, room);
    if (page.ranges.empty()) count = std::max<std::size_t>(count, 1);
    const Referrers::Range fits{range.first, range.first + count};
    if (count > 0) page.ranges.push_back(fits);
    if (fits.last < range.last) {
      page.next = referrers.place_of(page.ranges.back().last - 1);
      break;
    }
    room -= std::min(room, referrers.elements(fits).size() + 1);
  }
  return page;
}

std::string query_of_next(const ReferrersRequest& request, const Referrers::Place& next,
                          std::string_view ns) {
  std::string query;
  for (const std::string& type : request.artifact_types)
    query.append("artifactType=").append(encode_parameter(type)).append(1, '&');
  query.append("last=").append(encode_parameter(next.artifact_type + "@" + next.digest.str()));
  if (!ns.empty()) query.append("&ns=").append(encode_parameter(ns));
  return query;
}

}  // namespace entrepot::registry
