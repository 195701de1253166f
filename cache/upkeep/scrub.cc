// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/scrub.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <string>
#include <utility>

#include "metrics/exception.h"
#include "metrics/log.h"
#include "metrics/mutex.h"

namespace entrepot::cache {
namespace {

constexpr std::size_t read_size = 256 << 10;
/// Rate while there are doubtful blobs. Bytes per second.
constexpr std::uint64_t doubtful_rate = 64ULL << 20;
/// Interval between the starts of two rounds.
constexpr std::chrono::days round_every{7};

struct Piece {
  ssize_t got;
  bool from_disk;  // its last byte was not in the page cache
};

/// REQUIRES: `to` is not empty.
Piece read_piece(int fd, std::span<std::byte> to, std::uint64_t offset) {
  // The last byte: opening the file has read the first one.
  const iovec last{&to.back(), 1};
  const auto at = static_cast<off_t>(offset + to.size() - 1);
  const bool from_disk = ::preadv2(fd, &last, 1, at, RWF_NOWAIT) < 0 && errno == EAGAIN;
  return {::pread(fd, to.data(), to.size(), static_cast<off_t>(offset)), from_disk};
}

}  // namespace

void Scrub::verify_first(std::vector<Digest> doubtful) {
  const MutexLock lock(mutex_);
  had_doubtful_ = true;
  doubtful_.insert(doubtful_.end(), doubtful.begin(), doubtful.end());
}

void Scrub::tick() {
  if (!environment_.lifecycle.loaded || running_.exchange(true)) return;
  environment_.store_pool.post(
      [this] { run_then([this] { run(); }, [this] { running_ = false; }); });
}

void Scrub::run() {
  std::uint64_t done = 0;
  while (!environment_.lifecycle.stopping) {
    if (!reading_ && !open_next()) return;
    const std::uint64_t budget =
        reading_doubtful_ ? doubtful_rate : environment_.limits.scrub_rate.load();
    if (done >= budget) return;
    done += read_on(budget - done);
  }
}

std::uint64_t Scrub::read_on(std::uint64_t budget) {
  thread_local std::vector<std::byte> piece(read_size);
  Reading& now = *reading_;
  const auto length = std::min<std::uint64_t>({piece.size(), budget, now.size - now.offset});
  const auto [got, from_disk] =
      read_piece(now.file->fd(), std::span(piece).first(length), now.offset);
  if (got < 0 && errno == EINTR) return 0;
  if (got <= 0) {
    environment_.metrics.disk().errors(metrics::DiskOperation::read).add();
    store_.settle_doubt(now.digest, std::nullopt, now.file.get());
    reading_.reset();
    return piece.size();
  }
  const auto bytes = static_cast<std::uint64_t>(got);
  now.hasher.update(std::span(piece).first(bytes));
  // A serve loop may be about to send bytes that it has just found in the page cache.
  if (from_disk && !files_.reads(now.digest))
    ::posix_fadvise(now.file->fd(), static_cast<off_t>(now.offset), got, POSIX_FADV_DONTNEED);
  now.offset += bytes;
  environment_.metrics.cache().scrubbed_bytes().add(bytes);
  if (!reading_doubtful_) round_bytes_ += bytes;
  if (now.offset == now.size) {
    store_.settle_doubt(now.digest, now.hasher.finish(), now.file.get());
    reading_.reset();
    publish_progress();
  }
  return bytes;
}

bool Scrub::open_next() {
  while (!environment_.lifecycle.stopping) {
    reading_doubtful_ = true;
    auto digest = next_doubtful();
    const bool settled = digest && !is_doubtful(*digest);
    if (!digest) {
      reading_doubtful_ = false;
      if (environment_.limits.scrub_rate > 0) digest = next_of_round();
    }
    if (!digest) return false;
    if (settled) continue;
    const auto opening = open(*digest);
    if (opening == Opening::opened) return true;
    if (opening == Opening::skipped) continue;
    // A temporary failure, for example for lack of descriptors. The next tick retries.
    if (reading_doubtful_) verify_first({*digest});
    return false;
  }
  return false;
}

bool Scrub::is_doubtful(const Digest& digest) const {
  const auto known = store_.blobs().find(digest);
  return known && known->doubtful;
}

Scrub::Opening Scrub::open(const Digest& digest) {
  const auto known = store_.blobs().find(digest);
  if (!known || known->is_inline) return Opening::skipped;
  // A separate descriptor, so that the blob does not count as being read.
  auto opened = files_.open_apart(digest, known->size);
  if (opened.gone) store_.drop_blob(digest, false);
  if (opened.unreadable) store_.settle_doubt(digest, std::nullopt, nullptr);
  if (!opened.file) return opened.gone || opened.unreadable ? Opening::skipped : Opening::later;
  if (known->size == 0) {
    store_.settle_doubt(digest, Hasher(digest.algorithm()).finish(), opened.file.get());
    return Opening::skipped;
  }
  reading_.emplace(
      Reading{digest, std::move(opened.file), known->size, Hasher(digest.algorithm())});
  return Opening::opened;
}

std::optional<Digest> Scrub::next_doubtful() {
  const MutexLock lock(mutex_);
  if (doubtful_.empty()) {
    // The next process need not verify them again.
    if (std::exchange(had_doubtful_, false)) environment_.rocks.notes().erase("doubtful");
    return std::nullopt;
  }
  const Digest digest = doubtful_.front();
  doubtful_.pop_front();
  return digest;
}

std::optional<Digest> Scrub::next_of_round() {
  const auto now = environment_.clock.wall();
  if (!std::exchange(resumed_, true)) {  // continue where an earlier process stopped
    if (const auto text = environment_.rocks.notes().get("scrubbed"))
      cursor_ = Digest::parse(*text);
    in_round_ = cursor_.has_value();
    round_began_ = in_round_ ? now : WallTime{};
  }
  if (!in_round_) {
    if (now >= round_began_ && now - round_began_ < round_every) return std::nullopt;
    in_round_ = true;
    round_began_ = now;
    round_bytes_ = 0;
    cursor_.reset();
  }
  std::optional<Digest> found;
  const auto visit = [&](const Digest& digest, const BlobRecord& record) {
    if (record.is_inline) return !environment_.lifecycle.stopping;  // RocksDB has its own checksums
    found = digest;
    return false;
  };
  if (!environment_.rocks.for_each_blob(cursor_, visit)) return std::nullopt;  // retried later
  cursor_ = found;
  if (found) {
    environment_.rocks.notes().put("scrubbed", found->str());
  } else if (!environment_.lifecycle.stopping) {
    in_round_ = false;
    environment_.rocks.notes().erase("scrubbed");
    environment_.metrics.cache().scrub_progress().set(1);
    if (round_bytes_ > 0)
      log::info("cache: the scrub has verified every stored file ({} bytes)", round_bytes_);
  }
  return found;
}

void Scrub::publish_progress() {
  if (!in_round_) return;
  const auto all = std::max<std::uint64_t>(store_.blobs().file_bytes(), 1);
  environment_.metrics.cache().scrub_progress().set(
      std::min(1.0, static_cast<double>(round_bytes_) / static_cast<double>(all)));
}

}  // namespace entrepot::cache
