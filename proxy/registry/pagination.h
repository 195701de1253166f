// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace entrepot::registry {

/// The most entries of one page that was asked for by size; a larger `n` gets this and a Link.
inline constexpr std::size_t max_page = 10000;

/// The `n` and `last` of a listing.
struct PageRequest {
  std::optional<std::size_t> n;  ///< at most max_page; nullopt: everything
  std::string last;              ///< empty: from the beginning
};

/// From a query string. nullopt: `n` is not a number, `last` not a tag, or one of them came twice.
std::optional<PageRequest> parse_page(std::string_view query);

struct Page {
  std::span<const std::string> entries;
  bool more = false;  ///< the next page begins after entries.back()
};

/// The page of a byte-wise sorted list. Pure.
Page page_of(const std::vector<std::string>& sorted, const PageRequest& request);

}  // namespace entrepot::registry
