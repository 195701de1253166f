// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/keeper.h"

#include <span>
#include <utility>

#include "metrics/exception.h"

namespace entrepot::cache {

struct Keeper::Job {
  Resource resource;
  ContentPtr content;
  std::string upstream;
  Executor& home;
  Done done;

  void report(bool kept, bool is_inline) {
    home.post([done = std::move(done), kept, is_inline] { done(kept, is_inline); });
  }
};

void Keeper::keep_file(ContentPtr content, std::string upstream, Executor& home, Done done) {
  const auto job = std::make_shared<Job>(
      Job{Resource::blob, std::move(content), std::move(upstream), home, std::move(done)});
  store_.being_stored().add(job->content->digest);
  environment_.store_pool.post([this, job] {
    run_or(
        [&] {
          if (files_.commit(job->content->digest, job->content->file))
            write_record(job);
          else
            job->report(false, false);
        },
        [&] { job->report(false, false); });
  });
}

void Keeper::keep_bytes(Resource resource, ContentPtr content, std::string upstream, Executor& home,
                        Done done) {
  const auto job = std::make_shared<Job>(
      Job{resource, std::move(content), std::move(upstream), home, std::move(done)});
  // Records are written in order. A file comes before its record.
  store_.being_stored().add(job->content->digest);
  const bool is_file = resource == Resource::blob && !store_.in_index(resource, job->content->size);
  JobQueue& writer = is_file ? environment_.store_pool : environment_.index_writes;
  writer.post(
      [this, job] { run_or([&] { write_bytes(job); }, [&] { job->report(false, false); }); });
}

void Keeper::keep_manifest(ContentPtr content, std::string upstream) {
  environment_.index_writes.post(
      [this, content = std::move(content), upstream = std::move(upstream)] {
        write_manifest(*content, upstream);
      });
}

/// On the store pool: a small object or a manifest goes into RocksDB, another blob into a file.
void Keeper::write_bytes(const std::shared_ptr<Job>& job) {
  const Content& content = *job->content;
  if (job->resource == Resource::manifest)
    return job->report(write_manifest(content, job->upstream), true);
  const auto room = reserve(job->resource, content.size);
  if (!room) return job->report(false, false);
  if (store_.in_index(job->resource, content.size)) {
    const auto record = store_.new_record(content.digest, content.size, true, job->upstream);
    return job->report(environment_.rocks.put_blob(content.digest, record, *content.bytes), true);
  }
  if (!files_.put(content.digest, std::as_bytes(std::span(*content.bytes))))
    return job->report(false, false);
  write_record(job);
}

/// On the store pool: the file has its final name, and its record follows.
void Keeper::write_record(const std::shared_ptr<Job>& job) {
  environment_.index_writes.post([this, job] {
    bool kept = false;
    run_then(
        [&] {
          const Content& content = *job->content;
          kept = environment_.rocks.put_blob(
              content.digest,
              store_.new_record(content.digest, content.size, false, job->upstream));
          if (!kept) files_.remove_blob(content.digest);
        },
        [&] { job->report(kept, false); });
  });
}

std::unique_ptr<DiskBudget::Reservation> Keeper::reserve(Resource resource, std::uint64_t size) {
  auto [room, refused] =
      store_.in_index(resource, size) ? budget_.reserve_in_index(size) : budget_.reserve(size);
  if (!room) environment_.metrics.bypass(refused).add();
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
