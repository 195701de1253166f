// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "cache/listing.h"

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

/// Entries [first, first + count) of a list.
struct Page {
  std::size_t first = 0;
  std::size_t count = 0;
  bool more = false;  ///< the next page begins after the last of these
};

/// The value of a Link field to the next page (RFC 8288): by the client's own path, prefix
/// included, never by the upstream's. `query` is encoded.
std::string link_to_next(std::string_view path, std::string_view query);

/// The page of a list. Pure; costs the logarithm of its length.
Page page_of(const cache::TagList& tags, const PageRequest& request);

}  // namespace entrepot::registry
