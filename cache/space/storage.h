// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/api/options.h"
#include "cache/base/executor.h"
#include "cache/base/origins.h"
#include "cache/base/strand.h"
#include "cache/index/rocks_index.h"
#include "cache/space/disk_budget.h"
#include "cache/space/evictor.h"
#include "cache/space/index_room.h"
#include "cache/store/blob_files.h"
#include "cache/store/blob_store.h"
#include "cache/store/disk.h"
#include "cache/store/disk_health.h"
#include "cache/store/environment.h"
#include "cache/store/fill_notes.h"
#include "cache/store/link_table.h"
#include "cache/store/pins.h"
#include "cache/store/tag_table.h"

namespace entrepot::cache {

/// Owns the stored cache: the parts of cache/store and cache/space, in the order of their
/// dependencies. It has no behaviour of its own. Code that serves requests takes the parts it uses;
/// maintenance, which visits all of them, takes this struct.
struct Storage {
  /// Opens the cache directory. Throws OpenError (open_error.h). `clock`, `metrics` and
  /// `store_pool` must outlive this object. The pool must have ended before this is destroyed.
  Storage(Options options_in, const Clock& clock, const metrics::Metrics& metrics,
          JobQueue& store_pool);

  const Options options;
  Lifecycle lifecycle;
  Limits limits;
  Origins origins;
  Pins pins;  // before index_writes: jobs that never ran may hold notes of it
  Strand index_writes;
  BlobFiles files;  // before rocks: it takes the lock of the directory
  const Disk disk;
  RocksIndex rocks;
  const Environment environment;
  DiskHealth health;
  const FillNotes notes;
  BlobStore store;
  LinkTable links;
  TagTable tags;
  IndexRoom index_room;
  Evictor evictor;
  DiskBudget budget;
};

/// Takes over the upstreams of another configuration: which ones there are, their access and the
/// rules of their tags. The next request is answered by them. Any thread.
void use_upstreams(Storage& storage, const Options& options);

}  // namespace entrepot::cache
