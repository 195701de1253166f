// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/shared.h"

namespace entrepot::cache {

/// Forgets records that nothing can need any more: tags too old to be served even stale, and links
/// to what is no longer stored. Store pool; goes through all of them.
void sweep(Shared& shared);

}  // namespace entrepot::cache
