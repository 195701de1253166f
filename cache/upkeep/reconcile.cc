// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/reconcile.h"

#include <sys/stat.h>

#include <array>
#include <optional>
#include <span>
#include <system_error>

#include "cache/base/folder.h"
#include "cache/index/layout.h"
#include "cache/store/file_digest.h"
#include "metrics/exception.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

std::optional<struct stat> status_of(const std::filesystem::path& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

}  // namespace

Reconciler::Reconciler(Storage& storage) : storage_(storage) {}

void Reconciler::start() {
  storage_.environment.store_pool.post([this] {
    list_folders();
    step();
  });
}

/// Lists all possible folders, because the index may have entries for missing ones.
void Reconciler::list_folders() {
  for (const auto algorithm : {Algorithm::sha256, Algorithm::sha512})
    for (unsigned first = 0; first < 256; ++first) folders_.push_back({algorithm, first});
}

/// Processes one file, or lists one folder.
void Reconciler::step() {
  if (storage_.lifecycle.stopping) return;
  if (files_.empty() && folders_.empty()) return log_result();
  run_then([this] { take_one(); },
           [this] { storage_.environment.store_pool.post([this] { step(); }); });
}

void Reconciler::take_one() {
  if (!files_.empty()) {
    const auto file = files_.back();
    files_.pop_back();
    return adopt_if_valid(file);
  }
  const Folder folder = folders_.back();
  folders_.pop_back();
  compare(folder);
}

void Reconciler::compare(const Folder& folder) {
  const Layout layout(storage_.options.directory);
  std::array<std::uint8_t, 64> bytes{};
  bytes[0] = static_cast<std::uint8_t>(folder.first);
  const Digest lowest(folder.algorithm, std::span(bytes).first(Digest::length(folder.algorithm)));
  std::unordered_set<Digest> present;
  const auto error = for_each_entry(layout.blob_folder(lowest), [&](const auto& entry) {
    const auto digest = layout.blob_digest(entry.path());
    if (!digest) return;
    present.insert(*digest);
    if (!storage_.store.blobs().has(*digest)) files_.push_back(entry.path());
  });
  if (error && error != std::errc::no_such_file_or_directory) {
    storage_.environment.metrics.disk().errors(metrics::DiskOperation::read).add();
    ++unread_folders_;
    return;
  }
  drop_missing(folder, lowest, present);
}

/// The keys of the index are in the order of the folders. (A blob named `lowest` itself is
/// excluded; no such digest is known.)
void Reconciler::drop_missing(const Folder& folder, const Digest& lowest,
                              const std::unordered_set<Digest>& present) {
  std::vector<Digest> missing;
  static_cast<void>(
      storage_.rocks.for_each_blob(lowest, [&](const Digest& digest, const BlobRecord& record) {
        if (digest.algorithm() != folder.algorithm || digest.bytes()[0] != folder.first)
          return false;
        if (!record.is_inline && !present.contains(digest)) missing.push_back(digest);
        return !storage_.lifecycle.stopping;
      }));
  for (const auto& digest : missing) {
    if (storage_.store.being_stored().contains(digest) || !storage_.store.blobs().has(digest))
      continue;
    // The file may have been stored since the folder was listed.
    if (status_of(Layout(storage_.options.directory).blob(digest))) continue;
    storage_.store.drop_blob(digest, false);
    ++missing_;
  }
}

void Reconciler::adopt_if_valid(const std::filesystem::path& path) {
  const auto digest = Layout(storage_.options.directory).blob_digest(path);
  // In this order: a blob is in the index before it is removed from being_stored().
  if (!digest || storage_.store.being_stored().contains(*digest) ||
      storage_.store.blobs().has(*digest))
    return;
  const auto status = status_of(path);
  if (!status) return;
  const auto size = static_cast<std::uint64_t>(status->st_size);
  const auto opened = storage_.files.open_apart(*digest, size);
  if (!opened.file && !opened.gone && !opened.unreadable) {  // for lack of descriptors, for example
    ++skipped_;
    return;
  }
  const bool right = opened.file && digest_of_file(*opened.file, digest->algorithm(),
                                                   storage_.lifecycle.stopping) == digest;
  // It may have been stored again during the read.
  if (storage_.lifecycle.stopping || storage_.store.being_stored().contains(*digest) ||
      storage_.store.blobs().has(*digest))
    return;
  if (!right) {
    storage_.files.remove_blob(*digest);
    storage_.environment.metrics.cache().evictions(metrics::EvictionReason::corrupt).add();
    ++removed_;
    return;
  }
  if (!storage_.rocks.put_blob(*digest, {size, storage_.environment.clock.wall(), false, {}}))
    return;
  // The upstream of the bytes is not recorded, so no restricted upstream counts as their origin.
  storage_.store.blobs().put(*digest, {size, false, false, storage_.origins.parse({})});
  ++adopted_;
  adopted_bytes_ += size;
}

void Reconciler::log_result() const {
  if (missing_ > 0)
    log::warn("cache: {} blobs in the index had no file and were removed from it", missing_);
  if (adopted_ + removed_ > 0)
    log::warn(
        "cache: {} files of blobs without an entry in the index: {} were right and are taken "
        "back ({} bytes), {} were not and are removed",
        adopted_ + removed_, adopted_, adopted_bytes_, removed_);
  if (skipped_ > 0)
    log::warn(
        "cache: {} files without an entry in the index could not be opened; the next start "
        "retries them",
        skipped_);
  if (unread_folders_ > 0)
    log::error(
        "cache: {} folders under {} cannot be read completely; the next start compares them with "
        "the index. Check the disk",
        unread_folders_, storage_.options.directory.string());
  if (missing_ + adopted_ + removed_ == 0) return;
  storage_.budget.trim();
  storage_.budget.publish_gauges();
}

}  // namespace entrepot::cache
