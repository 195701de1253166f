// SPDX-License-Identifier: Apache-2.0
#include "cache/space.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "cache/shared.h"
#include "metrics/exception.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// One blob may take a quarter of the cache: a larger one would push out too much for one pull.
constexpr std::uint64_t largest_part = 4;
/// Reserved for a body before any of it is there, and then at a time: at least, at most, and at
/// most of the cache (less than what the background job keeps free).
constexpr std::uint64_t first_step = 64 << 10, least_step = 1 << 20, largest_step = 64 << 20;
constexpr std::uint64_t steps = 128;
/// Kept free by the background job: a hundredth.
constexpr std::uint64_t headroom_part = 100;
/// Manifests may take this part before they leave while there are blobs.
constexpr std::uint64_t manifests_part = 32;
/// Pieces of blobs may take this part before they leave while there are whole ones.
constexpr std::uint64_t partials_part = 8;
/// Blobs that leave in one go, so that others have their turn.
constexpr int evictions_at_once = 64;
constexpr std::chrono::seconds distrust_for{30};
/// Files that can still be made: below the first number blobs leave, below the second nothing new
/// is kept, so that the index can go on.
constexpr std::uint64_t inodes_wanted = 64;
constexpr std::uint64_t inodes_kept = 16;
/// Blobs leave for want of inodes where they have this part of all.
constexpr std::uint64_t inodes_part = 8;

std::int64_t milliseconds(SteadyTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

Space::Reservation::~Reservation() {
  space_.reserved_.fetch_sub(bytes_, std::memory_order_relaxed);
  space_.unwritten_.fetch_sub(bytes_ - written_, std::memory_order_relaxed);
  space_.promised_.fetch_sub(promised_, std::memory_order_relaxed);
  space_.files_.fetch_sub(1, std::memory_order_relaxed);
}

void Space::Reservation::wrote(std::uint64_t bytes) {
  bytes = std::min(bytes, bytes_ - written_);
  written_ += bytes;
  space_.unwritten_.fetch_sub(bytes, std::memory_order_relaxed);
  if (promised_ > 0)
    space_.promised_.fetch_sub(std::exchange(promised_, 0), std::memory_order_relaxed);
}

std::uint64_t Space::used() const { return in_files() + index_.on_disk(); }

std::uint64_t Space::in_files() const {
  const auto files = shared_.loaded ? shared_.blobs.file_bytes()
                                    : std::max(shared_.blobs.file_bytes(),
                                               shared_.bytes_before + shared_.bytes_since.load());
  return files + shared_.partials.bytes() + shared_.files.quarantined_bytes() +
         reserved_.load(std::memory_order_relaxed);
}

Space::Room Space::reserve(std::uint64_t bytes, std::uint64_t there) {
  return reserve_among(Candidates::all, bytes, there);
}

Space::Room Space::reserve_among(Candidates among, std::uint64_t bytes, std::uint64_t there) {
  if (bytes <= there) {  // nothing is written, and nobody leaves for it
    reserved_.fetch_add(bytes, std::memory_order_relaxed);
    files_.fetch_add(1, std::memory_order_relaxed);
    return {std::make_unique<Reservation>(*this, bytes, bytes), {}};
  }
  if (bytes > shared_.max_size / largest_part) return {nullptr, "too-large"};
  if (distrusted()) return {nullptr, "disk-error"};
  if (!shared_.rocks.takes_writes()) return {nullptr, "index"};
  if (!inode_left()) return {nullptr, "inodes"};
  bytes = Index::on_disk(bytes);
  there = std::min(there, bytes);
  if (!take(bytes, there, among)) {
    trim();
    return {nullptr, bytes - there > can_be() && !crowded() ? "too-large" : "disk-full"};
  }
  files_.fetch_add(1, std::memory_order_relaxed);
  auto reservation = std::make_unique<Reservation>(*this, bytes, there);
  if (among == Candidates::newcomers) {
    reservation->promised_ = bytes - there;
    promised_.fetch_add(bytes - there, std::memory_order_relaxed);
  }
  trim();
  return {std::move(reservation), {}};
}

Space::Room Space::reserve_first(std::uint64_t announced, std::uint64_t there) {
  const auto first = std::min(announced, there + first_step);
  if (first == announced || may_hold(announced))
    return reserve_among(Candidates::newcomers, first, there);
  return {nullptr,
          announced > shared_.max_size / largest_part || !crowded() ? "too-large" : "disk-full"};
}

std::uint64_t Space::step(std::uint64_t came) const {
  const auto most = std::max(std::min(shared_.max_size / steps, largest_step), least_step);
  return std::clamp(came, least_step, most);
}

bool Space::may_hold(std::uint64_t bytes) const {
  return bytes <= shared_.max_size / largest_part && bytes <= can_be();
}

Space::Room Space::reserve_in_index(std::uint64_t bytes) {
  if (index_.takes(bytes)) return reserve(bytes);
  index_.compact_if_due();
  return {nullptr, "index"};
}

bool Space::inode_left() {
  auto inodes = shared_.disk.inodes();
  // Where others took them, letting ours go would only feed those.
  const auto files = shared_.blobs.count() + shared_.partials.count();
  const bool ours = shared_.loaded && files >= inodes.all / inodes_part;
  for (int i = 0; ours && i < evictions_at_once && inodes.left < inodes_wanted; ++i) {
    if (evict_blob("reserve") == 0 && evict_partial() == 0) break;
    inodes = shared_.disk.inodes();
  }
  return inodes.left >= inodes_kept;
}

bool Space::grow(Reservation& reservation, std::uint64_t bytes) {
  bytes = Index::on_disk(bytes);
  if (reservation.bytes_ + bytes > shared_.max_size / largest_part) return false;
  const bool taken = take(bytes);
  if (taken) reservation.bytes_ += bytes;
  trim();
  return taken;
}

bool Space::take(std::uint64_t bytes, std::uint64_t there, Candidates among) {
  const std::lock_guard lock(mutex_);
  // What is let go is believed to be free: some file systems say so seconds later.
  std::uint64_t freed = 0;
  const auto [needed, reason] = missing(bytes, there);
  // Nobody leaves for what finds no room even then.
  if (needed > 0 && bytes - there > can_be()) return false;
  for (int i = 0; freed < needed; ++i) {
    const auto more = i < evictions_at_once ? evict_one(reason, among) : 0;
    if (more == 0) return false;
    freed += more;
  }
  reserved_.fetch_add(bytes, std::memory_order_relaxed);
  unwritten_.fetch_add(bytes - there, std::memory_order_relaxed);
  return true;
}

Space::Missing Space::missing(std::uint64_t bytes, std::uint64_t there) const {
  const auto beyond = [](std::uint64_t wanted, std::uint64_t bound) {
    return wanted - std::min(wanted, bound);
  };
  // What others reserved and have not written yet is still free for the file system.
  const auto taken = shared_.reserve_free + unwritten_.load(std::memory_order_relaxed);
  const auto size = beyond(in_files() + index_.claimed() + bytes, shared_.max_size);
  // Where as much of the index is dead as it may have, that is being merged away.
  const auto allowance = index_.claimed() - index_.live();
  const auto freed = index_.dead() < allowance ? 0 : index_.dead();
  const auto reserve = beyond(beyond(taken + bytes - there, freed), shared_.disk.free_bytes());
  return reserve > size ? Missing{reserve, "reserve"} : Missing{size, "size"};
}

/// How large the cache can get here: max_size, or less on a smaller disk.
std::uint64_t Space::can_be() const {
  const auto free = shared_.disk.free_bytes();
  const auto ours = free - std::min(free, shared_.reserve_free.load());
  const auto used_now = used();
  const std::uint64_t max_size = shared_.max_size;
  return ours < max_size - std::min(used_now, max_size) ? used_now + ours : max_size;
}

bool Space::crowded() const {
  const auto all = shared_.disk.all_bytes();
  return can_be() < (all - std::min(all, shared_.reserve_free.load())) / 2 &&
         can_be() < shared_.max_size / 2;
}

std::uint64_t Space::headroom() const { return can_be() / headroom_part; }

std::uint64_t Space::evict_partial() {
  const auto partial = shared_.partials.take_oldest();
  if (!partial) return 0;
  shared_.discard_fill(partial->digest);
  return std::max<std::uint64_t>(partial->extents.bytes(), 1);
}

std::uint64_t Space::evict_one(std::string_view reason, Candidates among) {
  // Pieces of blobs may be all that a lazily pulling node ever needs, but not all of the cache.
  if (shared_.partials.bytes() > shared_.max_size / partials_part)
    if (const auto freed = evict_partial()) return freed;
  // Another thread may have emptied it meanwhile.
  if (shared_.files.quarantined_bytes() > 0)
    if (const auto freed = shared_.files.empty_quarantine()) return freed;
  if (!shared_.loaded) return evict_partial();
  if (among == Candidates::newcomers)
    if (const auto freed = evict_blob(reason, among)) return freed;
  // Manifests are what an offline pull needs first, and small: they have room of their own.
  const bool manifests_first = !manifests_keep_to_share();
  if (const auto freed = manifests_first ? evict_manifest(reason) : evict_blob(reason))
    return freed;
  if (const auto freed = manifests_first ? evict_blob(reason) : evict_manifest(reason))
    return freed;
  return evict_partial();
}

void Space::Rest::begin(SteadyTime now, std::uint64_t count) {
  constexpr std::uint64_t many = 10'000;
  if (count >= many) until_.store(now + length_, std::memory_order_relaxed);
}

std::uint64_t Space::evict_blob(std::string_view reason, Candidates among) {
  if (!blobs_rest_.over(shared_.clock.steady())) return 0;
  const auto victim = shared_.blobs.evict(
      shared_.blobs.bytes(),
      [this](const Digest& digest, bool /*used_lately*/) {
        return !shared_.files.reads(digest) && !shared_.pins.holds(digest) &&
               !shared_.manifests.has(digest);  // which goes with it, in its own time
      },
      among);
  if (!victim) {
    if (among == Candidates::newcomers) return 0;
    blobs_rest_.begin(shared_.clock.steady(), shared_.blobs.count());
    return 0;
  }
  shared_.small_blobs.erase(victim->digest);
  // Gone from the index in memory first: a file that a crash leaves without its record, or the
  // reverse, is found and put right later; a hit on half of them is not.
  if (!victim->is_inline) shared_.files.remove_blob(victim->digest);
  shared_.index_writes.post([&shared = shared_, digest = victim->digest] {
    if (!shared.blobs.has(digest)) shared.rocks.erase_blob(digest);
  });
  return count_victim(reason, *victim);
}

bool Space::manifests_keep_to_share() const {
  return shared_.manifests.bytes() <= shared_.max_size / manifests_part;
}

std::uint64_t Space::evict_manifest(std::string_view reason) {
  if (!manifests_rest_.over(shared_.clock.steady())) return 0;
  const bool any_age = !manifests_keep_to_share();
  const auto victim = shared_.manifests.evict(
      shared_.manifests.bytes(), [this, any_age](const Digest& digest, bool used_lately) {
        return (any_age || !used_lately) && !shared_.pins.holds(digest);
      });
  if (!victim) {
    manifests_rest_.begin(shared_.clock.steady(), shared_.manifests.count());
    return 0;
  }
  shared_.recent_manifests.erase(victim->digest);
  shared_.index_writes.post([&shared = shared_, digest = victim->digest] {
    if (!shared.manifests.has(digest)) shared.rocks.erase_manifest(digest);
  });
  if (!victim->is_inline) shared_.drop_blob(victim->digest, false);
  return count_victim(reason, *victim);
}

std::uint64_t Space::count_victim(std::string_view reason, const Index::Victim& victim) {
  shared_.metrics.cache_evictions(reason).add();
  shared_.metrics.cache_evicted_bytes().add(victim.size);
  if (!victim.is_inline) return Index::on_disk(victim.size);
  index_.compact_if_due();
  return Index::in_index(victim.size);
}

bool Space::make_room(std::uint64_t bytes) {
  std::uint64_t freed = 0;
  while (freed < bytes) {
    const auto more = evict_one("reserve");
    if (more == 0) break;
    freed += more;
  }
  return freed > 0;
}

void Space::distrust() {
  const auto until = milliseconds(shared_.clock.steady() + distrust_for);
  const auto before = distrusted_until_.exchange(until, std::memory_order_relaxed);
  if (before < milliseconds(shared_.clock.steady())) {
    log::error(
        "cache: the disk under {} fails; blobs are passed through without being kept, and "
        "writing is tried again every {} s",
        shared_.options.directory.string(), distrust_for.count());
  }
}

bool Space::distrusted() const {
  const auto until = distrusted_until_.load(std::memory_order_relaxed);
  return until != 0 && milliseconds(shared_.clock.steady()) < until;
}

std::uint64_t Space::bound() const {
  const auto disk = shared_.disk.all_bytes();
  return std::min(disk - std::min(disk, shared_.reserve_free.load()), shared_.max_size.load());
}

void Space::tell_size() const {
  const std::uint64_t max_size = shared_.max_size, reserved = shared_.reserve_free;
  shared_.metrics.cache_max_bytes().set(static_cast<double>(bound()));
  if (bound() == max_size) return;
  log::warn(
      "cache.max_size is {} bytes, and the file system of {} has {} of which cache.reserve_free "
      "keeps {}: the cache will be smaller",
      max_size, shared_.options.directory.string(), shared_.disk.all_bytes(), reserved);
}

std::uint64_t Space::untaken_headroom() const {
  const auto all = headroom();
  return all - std::min(all, promised_.load(std::memory_order_relaxed));
}

void Space::trim() {
  if (missing(untaken_headroom()).bytes == 0 || trimming_.exchange(true)) return;
  shared_.store.post([this] {
    run_or(
        [this] {
          const auto left = missing(untaken_headroom());
          if (left.bytes > 0 && left.reason == "reserve") tell_crowded();
          trim_step(left);
        },
        [this] { trimming_ = false; });
  });
}

void Space::trim_step(Missing left) {
  for (int i = 0; i < evictions_at_once && left.bytes > 0 && !shared_.stopping; ++i) {
    const auto freed = evict_one(left.reason);
    left.bytes = freed == 0 ? 0 : left.bytes - std::min(left.bytes, freed);
  }
  if (left.bytes > 0 && !shared_.stopping)
    return shared_.store.post(
        [this, left] { run_or([&] { trim_step(left); }, [this] { trimming_ = false; }); });
  trimming_ = false;
  shared_.update_gauges();
}

void Space::tell_crowded() {
  if (bound() < shared_.max_size) return;  // said at the start
  constexpr std::int64_t hour = 3'600'000;
  const auto now = milliseconds(shared_.clock.steady());
  auto before = crowded_told_at_.load(std::memory_order_relaxed);
  if (before != 0 && now - before < hour) return;
  if (!crowded_told_at_.compare_exchange_strong(before, now)) return;
  log::warn(
      "cache: the file system of {} has {} bytes free, and cache.reserve_free is {}: others have "
      "taken the rest, and cached blobs leave for it. Give the cache a disk of its own, or make "
      "cache.max_size smaller",
      shared_.options.directory.string(), shared_.disk.free_bytes(), shared_.reserve_free.load());
}

}  // namespace entrepot::cache
