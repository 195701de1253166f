// SPDX-License-Identifier: Apache-2.0
// Referrers in pages, each of which a client can read as an image index (distribution-spec,
// "Listing Referrers": what is too large for one manifest comes in pages). Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/listing.h"

namespace entrepot::registry {

/// The longest body of a page: manifests up to 4 MiB are portable (distribution-spec, "Pushing
/// Manifests").
inline constexpr std::size_t max_referrers_page = 4 * 1024 * 1024;

/// What a request for referrers asks for.
struct ReferrersRequest {
  /// Sorted, each once. Empty: all descriptors.
  std::vector<std::string> artifact_types;
  /// Behind this descriptor; nullopt: from the beginning.
  std::optional<cache::Referrers::Place> after;
};

/// From a query string. Of `artifactType`, decoded, the first 16 count; empty ones and broken ones
/// are left out, for a filter may be ignored. nullopt: `last` is none of ours, or has two values.
std::optional<ReferrersRequest> parse_referrers(std::string_view query);

/// One page: these descriptors in this order.
struct ReferrersPage {
  std::vector<cache::Referrers::Range> ranges;  ///< none is empty
  /// Where the next page begins behind; nullopt: this is the last one.
  std::optional<cache::Referrers::Place> next;
};

/// As many descriptors as have `room` bytes together, commas included, and one at least. Costs the
/// logarithm of the list's length.
ReferrersPage page_of(const cache::Referrers& referrers, const ReferrersRequest& request,
                      std::size_t room);

/// The query of the page behind `next`: the same filters and `ns`.
std::string query_of_next(const ReferrersRequest& request, const cache::Referrers::Place& next,
                          std::string_view ns);

}  // namespace entrepot::registry
