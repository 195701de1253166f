// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/keeper.h"

#include <span>
#include <utility>

#include "metrics/exception.h"

namespace entrepot::cache {

struct Keeper::Task {
  Keeper& keeper;
  Resource resource;
  ContentPtr content;
  std::string upstream;
  Executor& home;
  Done done;

  /// Once; later calls, after a failure behind the first one, do nothing. Moves `done`, so that
  /// its captures are destroyed on `home`.
  void report(bool kept, bool is_inline) {
    if (!done) return;
    home.post([done = std::exchange(done, nullptr), kept, is_inline] { done(kept, is_inline); });
    keeper.end();
  }
};

bool Keeper::begin() {
  const MutexLock lock(mutex_);
  if (!closed_) ++tasks_;
  return !closed_;
}

void Keeper::end() {
  Job idle;
  {
    const MutexLock lock(mutex_);
    if (--tasks_ == 0) idle = std::exchange(idle_, nullptr);
  }
  if (idle) idle();
}

void Keeper::close(Job idle) {
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    if (tasks_ > 0) idle_ = std::exchange(idle, nullptr);
  }
  if (idle) idle();
}

void Keeper::keep_file(ContentPtr content, std::string upstream, Executor& home, Done done) {
  if (!begin()) return home.post([done = std::move(done)] { done(false, false); });
  const auto task = std::make_shared<Task>(
      Task{*this, Resource::blob, std::move(content), std::move(upstream), home, std::move(done)});
  store_.being_stored().add(task->content->digest);
  environment_.store_pool.post([this, task] {
    run_or(
        [&] {
          if (files_.commit(task->content->digest, task->content->file))
            write_record(task);
          else
            task->report(false, false);
        },
        [&] { task->report(false, false); });
  });
}

void Keeper::keep_bytes(Resource resource, ContentPtr content, std::string upstream, Executor& home,
                        Done done) {
  if (!begin()) return home.post([done = std::move(done)] { done(false, false); });
  const auto task = std::make_shared<Task>(
      Task{*this, resource, std::move(content), std::move(upstream), home, std::move(done)});
  // Records are written in order. A file comes before its record.
  store_.being_stored().add(task->content->digest);
  const bool is_file =
      resource == Resource::blob && !store_.in_index(resource, task->content->size);
  JobQueue& writer = is_file ? environment_.store_pool : environment_.index_writes;
  writer.post(
      [this, task] { run_or([&] { write_bytes(task); }, [&] { task->report(false, false); }); });
}

void Keeper::keep_manifest(ContentPtr content, std::string upstream) {
  environment_.index_writes.post(
      [this, content = std::move(content), upstream = std::move(upstream)] {
        write_manifest(*content, upstream);
      });
}

/// On the store pool: a small object or a manifest goes into RocksDB, another blob into a file.
void Keeper::write_bytes(const std::shared_ptr<Task>& task) {
  const Content& content = *task->content;
  if (task->resource == Resource::manifest)
    return task->report(write_manifest(content, task->upstream), true);
  const auto room = reserve(task->resource, content.size);
  if (!room) return task->report(false, false);
  if (store_.in_index(task->resource, content.size)) {
    const auto record = store_.new_record(content.digest, content.size, true, task->upstream);
    return task->report(environment_.rocks.put_blob(content.digest, record, *content.bytes), true);
  }
  if (!files_.put(content.digest, std::as_bytes(std::span(*content.bytes))))
    return task->report(false, false);
  write_record(task);
}

/// On the store pool: the file has its final name, and its record follows.
void Keeper::write_record(const std::shared_ptr<Task>& task) {
  environment_.index_writes.post([this, task] {
    bool kept = false;
    run_then(
        [&] {
          const Content& content = *task->content;
          kept = environment_.rocks.put_blob(
              content.digest,
              store_.new_record(content.digest, content.size, false, task->upstream));
          if (!kept) files_.remove_blob(content.digest);
        },
        [&] { task->report(kept, false); });
  });
}

std::unique_ptr<DiskBudget::Reservation> Keeper::reserve(Resource resource, std::uint64_t size) {
  auto [room, refused] =
      store_.in_index(resource, size) ? budget_.reserve_in_index(size) : budget_.reserve(size);
  if (!room) environment_.metrics.cache().bypass(refused).add();
  return std::move(room);
}

/// On the store pool, among the writes of the index. A large manifest is stored as the blob of its
/// digest, which stays as long as the manifest does.
bool Keeper::write_manifest(const Content& manifest, std::string_view upstream) {
  const auto room = reserve(Resource::manifest, manifest.size);
  if (!room) return false;
  RocksIndex& rocks = environment_.rocks;
  const auto before = rocks.manifest(manifest.digest);
  const ManifestRecord record{manifest.media_type, manifest.size, environment_.clock.wall(),
                              Origins::add(before ? before->origins : "", upstream)};
  const bool is_inline = store_.in_index(Resource::manifest, manifest.size);
  // The file first, then the record that names it: the next start finds a file without a record.
  if (!is_inline && !write_manifest_file(manifest, upstream)) return false;
  const std::string_view bytes = is_inline ? std::string_view(*manifest.bytes) : "";
  if (!rocks.put_manifest(manifest.digest, record, bytes)) return false;
  store_.add_manifest(manifest.digest, record, is_inline);
  return true;
}

bool Keeper::write_manifest_file(const Content& manifest, std::string_view upstream) {
  const Digest& digest = manifest.digest;
  if (store_.blobs().has(digest)) return true;
  store_.being_stored().add(digest);
  const auto blob = store_.new_record(digest, manifest.size, false, upstream);
  const bool kept = files_.put(digest, std::as_bytes(std::span(*manifest.bytes))) &&
                    environment_.rocks.put_blob(digest, blob);
  if (kept) store_.add_blob(digest, blob);
  store_.being_stored().remove(digest);
  return kept;
}

}  // namespace entrepot::cache
