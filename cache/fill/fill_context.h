// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/base/digest_set.h"
#include "cache/base/origins.h"
#include "cache/fill/keeper.h"
#include "cache/fill/parallelism.h"
#include "cache/space/disk_budget.h"
#include "cache/store/blob_files.h"
#include "cache/store/blob_store.h"
#include "cache/store/disk_health.h"
#include "cache/store/environment.h"
#include "cache/store/fill_notes.h"
#include "cache/store/link_table.h"

namespace entrepot::cache {

/// The parts of the cache that fills use. All outlive the fills, and are thread-safe.
struct FillContext {
  const Environment& environment;
  const Origins& origins;
  const BlobFiles& files;
  const FillNotes& notes;
  BlobStore& store;
  LinkTable& links;
  DiskBudget& budget;
  DiskHealth& health;
  Keeper& keeper;
  ExtraTransfers& extra_transfers;
  /// Blobs whose bytes had another digest than requested. Each is fetched over one transfer the
  /// next time, from one endpoint unless that fails, so that the endpoint to blame is known.
  DigestSet& mismatched;
};

}  // namespace entrepot::cache
