// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cache/api/requests.h"
#include "cache/base/executor.h"
#include "cache/content/content.h"
#include "cache/space/disk_budget.h"
#include "cache/store/blob_files.h"
#include "cache/store/blob_store.h"
#include "cache/store/environment.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// Stores proven objects: syncs and renames their files, writes their records, in the background.
/// Its jobs own copies of all they need, so that they can outlive who posted them. Thread-safe.
class Keeper {
 public:
  /// Called on `home` at the end. `kept`: false if the object was not stored, which is counted and
  /// logged where it happened. `is_inline`: its bytes are in RocksDB.
  using Done = std::function<void(bool kept, bool is_inline)>;

  /// All outlive the jobs.
  Keeper(const Environment& environment, BlobStore& store, const BlobFiles& files,
         DiskBudget& budget)
      : environment_(environment), store_(store), files_(files), budget_(budget) {}

  /// An arrived file becomes the stored blob.
  void keep_file(ContentPtr content, std::string upstream, Executor& home, Done done);
  /// An object whose bytes are in memory is stored in RocksDB or, above Options::small_object, in a
  /// file.
  void keep_bytes(Resource resource, ContentPtr content, std::string upstream, Executor& home,
                  Done done);
  /// Stores a manifest and reports nothing.
  void keep_manifest(ContentPtr content, std::string upstream);

  /// Stores nothing from now on. Calls `idle` when each object before has been reported, on the
  /// thread of the last one or here. Once.
  void close(Job idle);

 private:
  struct Task;

  /// Counts a task that has begun. False: the keeper is closed.
  bool begin();
  void end();

  void write_bytes(const std::shared_ptr<Task>& task);
  void write_record(const std::shared_ptr<Task>& task);
  bool write_manifest(const Content& manifest, std::string_view upstream);
  bool write_manifest_file(const Content& manifest, std::string_view upstream);
  /// Room for an object that is whole in memory; null, which is counted, where there is none.
  std::unique_ptr<DiskBudget::Reservation> reserve(Resource resource, std::uint64_t size);

  const Environment& environment_;
  BlobStore& store_;
  const BlobFiles& files_;
  DiskBudget& budget_;

  Mutex mutex_;
  int tasks_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
  Job idle_ GUARDED_BY(mutex_);  // of close(), until it is called
};

}  // namespace entrepot::cache
