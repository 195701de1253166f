// SPDX-License-Identifier: Apache-2.0
#include "cache/adoption.h"

#include <sys/stat.h>

#include <array>
#include <optional>
#include <span>
#include <system_error>

#include "cache/file_digest.h"
#include "cache/folder.h"
#include "cache/layout.h"
#include "cache/shared.h"
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

Adoption::Adoption(Shared& shared) : shared_(shared) {}

void Adoption::start() {
  shared_.store.post([this] {
    list_folders();
    step();
  });
}

/// Those that may be there, whether they are or not: the index may have entries for them.
void Adoption::list_folders() {
  for (const auto algorithm : {Algorithm::sha256, Algorithm::sha512})
    for (unsigned first = 0; first < 256; ++first) folders_.push_back({algorithm, first});
}

/// One file, or the names of one folder.
void Adoption::step() {
  if (shared_.stopping) return;
  if (files_.empty() && folders_.empty()) return tell();
  run_then([this] { take_one(); }, [this] { shared_.store.post([this] { step(); }); });
}

void Adoption::take_one() {
  if (!files_.empty()) {
    const auto file = files_.back();
    files_.pop_back();
    return look_at(file);
  }
  const Folder folder = folders_.back();
  folders_.pop_back();
  compare(folder);
}

void Adoption::compare(const Folder& folder) {
  const Layout layout(shared_.options.directory);
  std::array<std::uint8_t, 64> bytes{};
  bytes[0] = static_cast<std::uint8_t>(folder.first);
  const Digest lowest(folder.algorithm, std::span(bytes).first(Digest::length(folder.algorithm)));
  std::unordered_set<Digest> there;
  const auto error = for_each_entry(layout.blob_folder(lowest), [&](const auto& entry) {
    const auto digest = layout.blob_digest(entry.path());
    if (!digest) return;
    there.insert(*digest);
    if (!shared_.blobs.has(*digest)) files_.push_back(entry.path());
  });
  if (error && error != std::errc::no_such_file_or_directory) {
    shared_.metrics.disk_errors("read").add();
    ++unread_folders_;
    return;
  }
  drop_missing(folder, lowest, there);
}

/// The keys of the index are in the order of the folders. (A blob named `lowest` itself is left
/// out: nobody will ever see one.)
void Adoption::drop_missing(const Folder& folder, const Digest& lowest,
                            const std::unordered_set<Digest>& there) {
  std::vector<Digest> missing;
  static_cast<void>(
      shared_.rocks.for_each_blob(lowest, [&](const Digest& digest, const BlobRecord& record) {
        if (digest.algorithm() != folder.algorithm || digest.bytes()[0] != folder.first)
          return false;
        if (!record.is_inline && !there.contains(digest)) missing.push_back(digest);
        return !shared_.stopping;
      }));
  for (const auto& digest : missing) {
    if (shared_.keeping.contains(digest) || !shared_.blobs.has(digest)) continue;
    // It may have come since the folder was listed.
    if (status_of(Layout(shared_.options.directory).blob(digest))) continue;
    shared_.drop_blob(digest, false);
    ++missing_;
  }
}

void Adoption::look_at(const std::filesystem::path& path) {
  const auto digest = Layout(shared_.options.directory).blob_digest(path);
  // In this order: what is being kept is in the index before it is no longer being kept.
  if (!digest || shared_.keeping.contains(*digest) || shared_.blobs.has(*digest)) return;
  const auto status = status_of(path);
  if (!status) return;
  const auto size = static_cast<std::uint64_t>(status->st_size);
  const auto opened = shared_.files.open_apart(*digest, size);
  if (!opened.file && !opened.gone && !opened.unreadable) {  // for want of descriptors, say
    ++skipped_;
    return;
  }
  const bool right =
      opened.file && digest_of_file(*opened.file, digest->algorithm(), shared_.stopping) == digest;
  // While it was read it may have been fetched anew.
  if (shared_.stopping || shared_.keeping.contains(*digest) || shared_.blobs.has(*digest)) return;
  if (!right) {
    shared_.files.remove_blob(*digest);
    shared_.metrics.cache_evictions("corrupt").add();
    ++removed_;
    return;
  }
  if (!shared_.rocks.put_blob(*digest, {size, shared_.clock.wall(), false, {}})) return;
  // Who gave it is noted nowhere any more: it is nobody's where that matters.
  shared_.blobs.put(*digest, {size, false, false, shared_.origins.parse({})});
  ++adopted_;
  adopted_bytes_ += size;
}

void Adoption::tell() const {
  if (missing_ > 0)
    log::warn("cache: {} blobs in the index had no file any more and are forgotten", missing_);
  if (adopted_ + removed_ > 0)
    log::warn(
        "cache: {} files of blobs without an entry in the index: {} were right and are taken "
        "back ({} bytes), {} were not and are removed",
        adopted_ + removed_, adopted_, adopted_bytes_, removed_);
  if (skipped_ > 0)
    log::warn(
        "cache: {} files without an entry in the index could not be opened; the next start looks "
        "at them",
        skipped_);
  if (unread_folders_ > 0)
    log::error(
        "cache: {} folders under {} cannot be read to their end; the next start compares them with "
        "the index. Look at the disk",
        unread_folders_, shared_.options.directory.string());
  if (missing_ + adopted_ + removed_ == 0) return;
  shared_.space.trim();
  shared_.update_gauges();
}

}  // namespace entrepot::cache
