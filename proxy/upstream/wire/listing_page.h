// SPDX-License-Identifier: Apache-2.0
// The JSON of listings, from upstreams that are not trusted. Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "cache/api/source.h"

namespace entrepot::upstream {

/// Most tags of one repository that are kept.
inline constexpr std::size_t max_tags = 1'000'000;

/// True for a tag of the distribution-spec grammar.
bool is_tag(std::string_view text);

/// Longest descriptor of a list that can be sent on: one page of referrers is a manifest, which is
/// of 4 MiB at most (distribution-spec, "Listing Referrers").
inline constexpr std::size_t max_descriptor = 4 * 1024 * 1024 - 1024;

/// The result of reading a page.
struct PageResult {
  bool readable = false;
  std::size_t entries = 0;  ///< added to the listing
  /// The same for pages of the same entries, in whatever order and form.
  std::size_t fingerprint = 0;
};

/// Adds the tags of one tags/list page, leaving out what is no tag. `"tags": null` is an empty
/// page. Not readable when it is not such a page, or there are more than max_tags.
PageResult add_tags_page(std::string_view page, cache::Listing& listing);

/// Adds the descriptors of one image index, as they are written there, leaving out what is no
/// descriptor (mediaType, digest and size are needed). Not readable when it is no image index, or a
/// descriptor is longer than max_descriptor.
PageResult add_referrers_page(std::string_view page, cache::Listing& listing);

}  // namespace entrepot::upstream
