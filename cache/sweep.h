// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/shared.h"

namespace entrepot::cache {

/// Forgets records that nothing can need any more: tags too old to be served even stale, and links
/// to what is no longer stored. Store pool; goes through all of them.
void sweep(Shared& shared);

/// Where links take more than their share of the cache (a 32nd), the oldest are forgotten: what is
/// stored is then proven anew by its upstream. Store pool; goes through all of them in that case.
void trim_links(Shared& shared);

}  // namespace entrepot::cache
