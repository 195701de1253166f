// SPDX-License-Identifier: Apache-2.0
// A cache full of small objects stays full: what RocksDB has not freed yet makes no more leave.
#include <sys/stat.h>

#include <algorithm>
#include <random>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

constexpr std::uint64_t mebi = 1 << 20;

class IndexRoomTest : public CacheTest {
 protected:
  void open_with(std::uint64_t max_size) {
    options.max_size = max_size;
    options.memory_cache = 0;
    open();
  }

  /// Bytes that cannot be compressed.
  std::string bytes_of(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; i += sizeof(std::uint64_t)) {
      const std::uint64_t word = random_();
      bytes.replace(i, std::min(sizeof word, size - i), reinterpret_cast<const char*>(&word),
                    std::min(sizeof word, size - i));
    }
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
    const auto stats = cache->inspection().stats();
    return stats.blob_bytes + stats.manifest_bytes;
  }
  std::uint64_t on_disk() const {
    std::uint64_t sum = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(options.directory)) {
      struct stat status;
      if (::lstat(entry.path().c_str(), &status) == 0 && S_ISREG(status.st_mode))
        sum += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
    return sum;
  }

  /// By which it may be larger for a moment (index_room.h).
  std::uint64_t slack() const { return std::max(options.max_size / 32, 4 * mebi); }

  /// Stores objects of these sizes in turn, a quarter more than the cache takes, and looks at
  /// what is stored and what lies on the disk from when it is full on.
  void flood(const std::vector<std::size_t>& sizes) {
    const auto max_size = options.max_size;
    std::uint64_t sent = 0, looked = 0, least = max_size, most = 0;
    for (std::size_t i = 0; sent < max_size + max_size / 4; ++i) {
      const auto size = sizes[i % sizes.size()];
      store_blob(size);
      sent += size;
      if (sent < max_size || sent - looked < max_size / 32) continue;
      looked = sent;
      least = std::min(least, stored_bytes());
      most = std::max(most, on_disk());
    }
    EXPECT_GE(least, max_size * 9 / 10);
    EXPECT_LE(most, max_size + slack());
  }

 private:
  std::mt19937_64 random_{16};
};

TEST_F(IndexRoomTest, AFloodOfObjectsInTheIndexLeavesTheCacheFull) {
  open_with(48 * mebi);
  flood({30'000});
}

TEST_F(IndexRoomTest, AFloodOfTinyObjectsLeavesTheCacheFull) {
  open_with(16 * mebi);
  flood({2'000});
}

TEST_F(IndexRoomTest, AFloodOfFilesLeavesTheCacheFull) {
  open_with(64 * mebi);
  flood({250'000});
}

TEST_F(IndexRoomTest, AFloodOfAllSizesLeavesTheCacheFull) {
  open_with(64 * mebi);
  flood({2'000, 30'000, 250'000, 60'000, 5'000, 1'500'000});
}

TEST_F(IndexRoomTest, ManifestsBeyondTheirShareLeaveAndNewBlobsAreKept) {
  open_with(16 * mebi);
  std::vector<Digest> blobs;
  for (int i = 0; i < 10; ++i) blobs.push_back(store_blob(mebi));
  for (int i = 0; i < 8; ++i) store_manifest(1'500'000);
  int left = 0;
  for (const auto& digest : blobs) left += cache->find_blob(repo, digest) ? 1 : 0;
  EXPECT_EQ(left, 10);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(cache->find_blob(repo, store_blob(mebi)));
  EXPECT_LE(on_disk(), options.max_size + slack());
}

}  // namespace
}  // namespace entrepot::cache
