// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/api/requests.h"
#include "cache/fill/keeper.h"
#include "cache/space/disk_budget.h"
#include "cache/store/blob_store.h"
#include "cache/store/environment.h"
#include "cache/store/link_table.h"
#include "cache/store/tag_table.h"

namespace entrepot::cache {

/// The parts of the cache that flights of tags use. All outlive the flights, and are thread-safe.
struct TagContext {
  const Environment& environment;
  BlobStore& store;
  LinkTable& links;
  TagTable& tags;
  Keeper& keeper;
  DiskBudget& budget;
  ObjectRouter& router;  ///< to the home of the digest that a tag names
};

}  // namespace entrepot::cache
