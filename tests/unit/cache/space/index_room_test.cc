// SPDX-License-Identifier: Apache-2.0
// A cache full of small objects stays full: dead bytes of RocksDB cause no further evictions.
#include <rocksdb/env.h>
#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <latch>
#include <memory>
#include <random>
#include <vector>

#include "tests/unit/cache/cache_fixture.h"
#include "tests/unit/cache/sizes.h"

namespace entrepot::cache {
namespace {

class IndexRoomTest : public CacheTest {
 protected:
  void open_with(std::uint64_t max_size) {
    options.max_size = max_size;
    options.memory_cache = 0;
    open();
  }

  /// Incompressible bytes, different on each call: a substring of a few random MiB behind a
  /// counter.
  std::string bytes_of(std::size_t size) {
    static const std::vector<std::uint64_t> random = [] {
      std::vector<std::uint64_t> words(mib);
      std::generate(words.begin(), words.end(), std::mt19937_64(16));
      return words;
    }();
    const std::size_t all = random.size() * sizeof random[0];
    const std::size_t from = given_ % (all - size);
    std::string bytes(reinterpret_cast<const char*>(random.data()) + from, size);
    std::memcpy(bytes.data(), &given_, sizeof given_);
    given_ += size;
    return bytes;
  }
  std::string manifest_of(std::size_t size) {
    auto filling = bytes_of(size);
    for (char& letter : filling) letter = static_cast<char>('a' + (letter & 15));
    return manifest_naming({}, ",\"x\":\"" + filling + "\"");
  }

  Digest store_blob(std::size_t size) {
    const auto bytes = bytes_of(size);
    const auto digest = sha256(bytes);
    ask_blob(digest);
    last().answer(bytes);
    executor.run();
    source.asked.clear();
    return digest;
  }
  Digest store_manifest(std::size_t size) {
    const auto bytes = manifest_of(size);
    const auto digest = sha256(bytes);
    ask_manifest(digest);
    last().answer(bytes, oci_manifest_type);
    executor.run();
    source.asked.clear();
    return digest;
  }

  std::uint64_t stored_bytes() const {
    const auto stats = cache->admin().stats();
    return stats.blob_bytes + stats.manifest_bytes;
  }
  std::uint64_t on_disk() const {
    std::uint64_t sum = 0;
    std::error_code error;  // files may disappear meanwhile
    for (std::filesystem::recursive_directory_iterator it(options.directory, error), end; it != end;
         it.increment(error)) {
      const auto& entry = *it;
      struct stat status;
      if (::lstat(entry.path().c_str(), &status) == 0 && S_ISREG(status.st_mode))
        sum += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
    return sum;
  }

  /// Waits until RocksDB has flushed and merged all that it wants to. Without this, the live bytes
  /// depend on how much of the processors its threads get beside this one.
  static void let_rocks_merge() {
    for (const auto pool : {rocksdb::Env::Priority::HIGH, rocksdb::Env::Priority::LOW})
      while (!has_idled(pool)) continue;
  }
  /// Waits for the jobs that a pool of RocksDB has, in their order. Returns true if they have left
  /// it no other one.
  static bool has_idled(rocksdb::Env::Priority pool) {
    struct Turn {
      explicit Turn(rocksdb::Env::Priority its_pool) : pool(its_pool) {}
      const rocksdb::Env::Priority pool;
      bool is_last = false;
      std::latch done{1};
    };
    const auto turn = std::make_shared<Turn>(pool);
    EXPECT_EQ(rocksdb::Env::Default()->GetBackgroundThreads(pool), 1) << "jobs pass one another";
    rocksdb::Env::Default()->Schedule(
        [](void* argument) {
          const std::unique_ptr<std::shared_ptr<Turn>> owned(
              static_cast<std::shared_ptr<Turn>*>(argument));
          Turn& mine = **owned;
          mine.is_last = rocksdb::Env::Default()->GetThreadPoolQueueLen(mine.pool) == 0;
          mine.done.count_down();
        },
        new std::shared_ptr<Turn>(turn), pool);
    turn->done.wait();
    return turn->is_last;
  }

  /// Waits for RocksDB to remove merged files, which it does on a thread of its own.
  std::uint64_t settled_on_disk(std::uint64_t bound) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    auto bytes = on_disk();
    while (bytes > bound && std::chrono::steady_clock::now() < deadline) {
      ::sched_yield();
      bytes = on_disk();
    }
    return bytes;
  }

  /// The temporary excess permitted (index_room.h).
  std::uint64_t slack() const { return std::max(options.max_size / 32, 4 * mib); }

  /// Stores objects of these sizes in turn, 25 % more than the cache can store. Checks the stored
  /// bytes and the disk space from the time the cache is full.
  void store_many(const std::vector<std::size_t>& sizes) {
    const auto max_size = options.max_size;
    std::uint64_t sent = 0, merged = 0, looked = 0, least = max_size, most = 0;
    for (std::size_t i = 0; sent < max_size + max_size / 4; ++i) {
      const auto size = sizes[i % sizes.size()];
      store_blob(size);
      sent += size;
      if (sent - merged >= max_size / 64) {
        let_rocks_merge();
        merged = sent;
      }
      if (sent < max_size || sent - looked < max_size / 32) continue;
      looked = sent;
      least = std::min(least, stored_bytes());
      most = std::max(most, settled_on_disk(max_size + slack()));
    }
    EXPECT_GE(least, max_size / 10 * 9);
    EXPECT_LE(most, max_size + slack());
  }

 private:
  std::uint64_t given_ = 0;
};

TEST_F(IndexRoomTest, StaysFullAfterManyIndexObjects) {
  open_with(48 * mib);
  store_many({30'000});
}

TEST_F(IndexRoomTest, StaysFullAfterManyTinyObjects) {
#if defined(ENTREPOT_ASAN) || defined(ENTREPOT_TSAN)
  GTEST_SKIP() << "10 000 objects take a minute; a mixture of all sizes runs the same code";
#endif
  open_with(16 * mib);
  // In a cache as small as this the tables of records and links take a twentieth.
  store_many({2'000});
}

TEST_F(IndexRoomTest, StaysFullAfterManyFiles) {
  open_with(64 * mib);
  store_many({250'000});
}

TEST_F(IndexRoomTest, StaysFullAfterManyObjectsOfAllSizes) {
  open_with(64 * mib);
  store_many({2'000, 30'000, 250'000, 60'000, 5'000, 1'500'000});
}

TEST_F(IndexRoomTest, EvictsManifestsAboveTheirShareForNewBlobs) {
  open_with(16 * mib);
  std::vector<Digest> blobs;
  for (int i = 0; i < 10; ++i) blobs.push_back(store_blob(mib));
  for (int i = 0; i < 8; ++i) store_manifest(1'500'000);
  int left = 0;
  for (const auto& digest : blobs) left += cache->find_blob(repo, digest) ? 1 : 0;
  EXPECT_EQ(left, 10);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(cache->find_blob(repo, store_blob(mib)));
  EXPECT_LE(settled_on_disk(options.max_size + slack()), options.max_size + slack());
}

}  // namespace
}  // namespace entrepot::cache
