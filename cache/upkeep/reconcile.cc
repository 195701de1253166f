// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/reconcile.h"

#include <sys/stat.h>

#include <array>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

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

Digest Reconciler::lowest_in(const Folder& folder) {
  std::array<std::uint8_t, 64> bytes{};
  bytes[0] = static_cast<std::uint8_t>(folder.first);
  return Digest(folder.algorithm, std::span(bytes).first(Digest::length(folder.algorithm)));
}

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

void Reconciler::step() {
  if (storage_.lifecycle.stopping) return;
  if (!read_ && !listing_ && files_.empty() && folders_.empty()) return log_result();
  run_then([this] { take_one(); },
           [this] { storage_.environment.store_pool.post([this] { step(); }); });
}

void Reconciler::take_one() {
  if (const auto file = std::exchange(read_, std::nullopt)) return adopt_or_remove(*file);
  if (const auto listing = std::exchange(listing_, std::nullopt)) return drop_missing(*listing);
  if (!files_.empty()) {
    const auto file = files_.back();
    files_.pop_back();
    return read_file(file);
  }
  const Folder folder = folders_.back();
  folders_.pop_back();
  list_files(folder);
}

void Reconciler::list_files(const Folder& folder) {
  const Layout layout(storage_.options.directory);
  Listing listing{folder, {}};
  const auto error = for_each_entry(layout.blob_folder(lowest_in(folder)), [&](const auto& entry) {
    const auto digest = layout.blob_digest(entry.path());
    if (!digest) return;
    listing.present.insert(*digest);
    if (!storage_.store.blobs().has(*digest)) files_.push_back(entry.path());
  });
  if (error && error != std::errc::no_such_file_or_directory) {
    storage_.environment.metrics.disk().errors(metrics::DiskOperation::read).add();
    ++unread_folders_;
    return;
  }
  listing_ = std::move(listing);
}

/// The keys of the index are in the order of the folders. (A blob named `lowest` itself is
/// excluded; no such digest is known.)
void Reconciler::drop_missing(const Listing& listing) {
  const Folder& folder = listing.folder;
  std::vector<Digest> missing;
  static_cast<void>(storage_.rocks.for_each_blob(
      lowest_in(folder), [&](const Digest& digest, const BlobRecord& record) {
        if (digest.algorithm() != folder.algorithm || digest.bytes()[0] != folder.first)
          return false;
        if (!record.is_inline && !listing.present.contains(digest)) missing.push_back(digest);
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

bool Reconciler::is_known(const Digest& digest) const {
  // In this order: a blob is in the index before it is removed from being_stored().
  return storage_.store.being_stored().contains(digest) || storage_.store.blobs().has(digest);
}

void Reconciler::read_file(const std::filesystem::path& path) {
  const auto digest = Layout(storage_.options.directory).blob_digest(path);
  if (!digest || is_known(*digest)) return;
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
  read_ = {*digest, size, right};
}

void Reconciler::adopt_or_remove(const ReadFile& file) {
  // It may have been stored again since it was read.
  if (is_known(file.digest)) return;
  if (!file.right) {
    storage_.files.remove_blob(file.digest);
    storage_.environment.metrics.cache().evictions(metrics::EvictionReason::corrupt).add();
    ++removed_;
    return;
  }
  if (!storage_.rocks.put_blob(file.digest,
                               {file.size, storage_.environment.clock.wall(), false, {}}))
    return;
  // The upstream of the bytes is not recorded, so no restricted upstream counts as their origin.
  storage_.store.blobs().put(file.digest, {file.size, false, false, storage_.origins.parse({})});
  ++adopted_;
  adopted_bytes_ += file.size;
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
