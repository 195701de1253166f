// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/space/storage.h"

namespace entrepot::cache {

/// Erases obsolete records: tags too old to be served even stale, and links to objects that are no
/// longer stored. Visits all of them; call it on the store pool.
void sweep(Storage& storage);

/// If links use more than their share of the cache (a 32nd), erases the oldest; the upstream then
/// proves access to stored objects again. Visits all links in that case; call it on the store pool.
void trim_links(Storage& storage);

}  // namespace entrepot::cache
