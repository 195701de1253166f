// SPDX-License-Identifier: Apache-2.0
// The Link fields of a list's pages (RFC 8288 §3; distribution-spec, "Listing Tags" and "Listing
// Referrers"), read as leniently as engines read them. Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

/// The target of the link to the next page among the Link values of one answer, as written: the
/// first with rel=next, else the first with a query and without a rel, which engines follow too.
/// The brackets may be missing. nullopt when there is none. Never to be requested as it stands: see
/// next_page().
std::optional<std::string> next_link(std::span<const std::string> values);

/// The next page of the list at `list` where its page links to `target`: the query of the target at
/// the scheme, host and path of `list`, so that no answer sends a request or a credential
/// elsewhere. Parameters that `list` has stay as they are there. Characters that a URL cannot hold
/// are percent-encoded. nullopt for a target that differs by its path and has no query about the
/// page, and for one that is too long.
std::optional<Url> next_page(const Url& list, std::string_view target);

}  // namespace entrepot::upstream
