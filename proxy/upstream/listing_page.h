// SPDX-License-Identifier: Apache-2.0
// The JSON of listings, from upstreams that are not trusted. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace entrepot::upstream {

/// Largest page of referrers, an image index: what clients take (protocol.md §1.10).
inline constexpr std::size_t max_index_bytes = 4'393'216;
/// Most tags of one repository that are kept.
inline constexpr std::size_t max_tags = 1'000'000;

/// True for a tag of the distribution-spec grammar.
bool is_tag(std::string_view text);

/// Adds the tags of one tags/list page to `tags`, leaving out what is no tag. `"tags": null` is an
/// empty page. False when it is not such a page, or there are more than max_tags.
bool add_tags_page(std::string_view page, std::vector<std::string>& tags);

/// Adds the descriptors of one image index to the array `manifests`, leaving out what is no
/// descriptor (mediaType, digest and size are needed). False when it is not an image index.
bool add_referrers_page(std::string_view page, nlohmann::json& manifests);

/// An image index of these descriptors, as text.
std::string referrers_index(const nlohmann::json& manifests);

}  // namespace entrepot::upstream
