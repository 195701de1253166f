// SPDX-License-Identifier: Apache-2.0
// An announced size reserves almost no space: space is reserved as bytes arrive.
#include <algorithm>
#include <array>
#include <unordered_set>
#include <vector>

#include "tests/unit/cache/cache_fixture.h"
#include "tests/unit/cache/sizes.h"

namespace entrepot::cache {
namespace {

class AnnouncedSizeTest : public CacheTest {
 protected:
  static std::string blob(std::size_t size, int seed) {
    auto bytes = pattern(size);
    bytes += std::to_string(seed);
    return bytes;
  }
  void store(const std::string& bytes) {
    ask_blob(sha256(bytes));
    last().answer(bytes);
    executor.run();
  }
  /// Reads it like a client, from memory or, where its first bytes are not there, from disk.
  void use(const Digest& digest) {
    const bool in_memory = cache->find_blob(repo, digest).has_value();
    EXPECT_TRUE(in_memory || ask_blob(digest).answered());
  }
  /// The blobs in the index on disk: whether a blob's first bytes are in memory depends on the
  /// machine.
  std::unordered_set<Digest> stored() {
    executor.run();
    std::unordered_set<Digest> digests;
    for (const auto& object : cache->admin().list("", 1000).objects) digests.insert(object.digest);
    return digests;
  }
  std::ptrdiff_t count_stored(const std::vector<Digest>& digests) {
    const auto all = stored();
    return std::ranges::count_if(digests, [&](const auto& digest) { return all.contains(digest); });
  }
};

TEST_F(AnnouncedSizeTest, LargeAnnouncementWithoutDataEvictsNothing) {
  options.max_size = 64 * mib;
  open();
  std::vector<Digest> used;
  for (int seed = 0; seed < 40; ++seed) {
    used.push_back(sha256(blob(mib, seed)));
    store(blob(mib, seed));
    for (int i = 0; i < 3; ++i) use(used.back());
  }
  for (int seed = 0; seed < 4; ++seed) {
    ask_blob(sha256("never whole " + std::to_string(seed)));
    last().head(15 * mib);
    last().data(std::string(64 << 10, 'x'));
    executor.run();
  }
  EXPECT_EQ(count_stored(used), 40);
}

TEST_F(AnnouncedSizeTest, AnnouncementEvictsProbationOnly) {
  options.max_size = 64 * mib;
  open();
  std::vector<Digest> used;
  for (int seed = 0; seed < 52; ++seed) {
    used.push_back(sha256(blob(mib, seed)));
    store(blob(mib, seed));
  }
  for (int i = 0; i < 3; ++i)
    for (const auto& digest : used) use(digest);
  ASSERT_EQ(count_stored(used), 52);
  // Enough blobs to evict some: the cache is full, and the blobs above are off probation.
  for (int seed = 52; seed < 80; ++seed) store(blob(mib, seed));
  const auto before = cache->admin().stats().blob_bytes;
  ASSERT_EQ(count_stored(used), 52);
  for (int seed = 0; seed < 40; ++seed) {
    ask_blob(sha256("never comes " + std::to_string(seed)));
    last().head(15 * mib);
    executor.run();
  }
  EXPECT_EQ(count_stored(used), 52);
  EXPECT_GE(cache->admin().stats().blob_bytes + 4 * mib, before)
      << "64 KiB for each, and a blob at a time";
}

TEST_F(AnnouncedSizeTest, UnfinishedFillsTakeLittleMoreThanTheirBytes) {
  options.max_size = 64 * mib;
  open();
  for (int seed = 0; seed < 70; ++seed) store(blob(mib, seed));
  for (int seed = 0; seed < 20; ++seed) {
    ask_blob(sha256("never whole " + std::to_string(seed)));
    last().head(15 * mib);
    for (int piece = 0; piece < 8; ++piece) last().data(std::string(64 << 10, 'x'));
    executor.run();
  }
  // 10 MiB have arrived; 3 are reserved ahead, or kept free for the index and for later.
  EXPECT_GE(cache->admin().stats().blob_bytes, 50 * mib);
}

TEST_F(AnnouncedSizeTest, BecomesPassThroughWhenSpaceRunsOut) {
  options.max_size = 16 * mib;
  options.pins = {"*"};  // prevents evictions
  open();
  for (int seed = 0; seed < 14; ++seed) store(blob(1'000'000, seed));
  const auto large = blob(4'000'000, 0);
  const auto pending = ask_blob(sha256(large));
  last().head(large.size());
  executor.run();
  ASSERT_TRUE(pending.answered());
  EXPECT_EQ(pending.answer().outcome, Outcome::miss) << "its first bytes fit";
  const auto& content = *pending.answer().content;
  std::string received;
  const auto read = [&] {
    const auto until = content.progress->readable(0, Progress::ReadPolicy::proven);
    std::string more(until - received.size(), '\0');
    ASSERT_EQ(
        ::pread(content.file->fd(), more.data(), more.size(), static_cast<off_t>(received.size())),
        static_cast<ssize_t>(more.size()));
    received += more;
    content.reader->at(received.size());
  };
  constexpr std::size_t piece = 128 << 10;
  for (std::size_t sent = 0; sent < large.size(); sent += piece) {
    ASSERT_TRUE(last().data(std::string_view(large).substr(sent, piece)));
    executor.run();
    read();
  }
  last().done();
  executor.run();
  read();
  EXPECT_EQ(content.progress->state(), Progress::State::whole);
  EXPECT_EQ(received, large);
  EXPECT_FALSE(stored().contains(sha256(large)));
}

}  // namespace
}  // namespace entrepot::cache
