// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "cache/api/listing.h"

namespace entrepot::registry {

/// Maximum number of entries on a page requested with `n`. A larger `n` is reduced to it, and the
/// reply has a Link field.
inline constexpr std::size_t max_page = 10000;

/// The `n` and `last` of a listing.
struct PageRequest {
  std::optional<std::size_t> n;  ///< at most max_page; nullopt: everything
  std::string last;              ///< empty: from the beginning
};

/// Parses a query string. Returns nullopt if `n` is not a number, `last` is not a tag, or either is
/// repeated.
std::optional<PageRequest> parse_page(std::string_view query);

/// Entries [first, first + count) of a list.
struct Page {
  std::size_t first = 0;
  std::size_t count = 0;
  bool more = false;  ///< another page begins after the last of these
};

/// The value of a Link field to the next page (RFC 8288). It uses the client's own path, including
/// its prefix, never the upstream's. `query` is encoded.
std::string link_to_next(std::string_view path, std::string_view query);

/// Selects a page of a list. Pure; the cost is logarithmic in the length of the list.
Page page_of(const cache::TagList& tags, const PageRequest& request);

}  // namespace entrepot::registry
