// SPDX-License-Identifier: Apache-2.0
#include "cache/index/index.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::cache {
namespace {

using namespace std::chrono_literals;

Digest named(int number, Algorithm algorithm = Algorithm::sha256) {
  return digest_of(algorithm, std::to_string(number));
}
bool anyone(const Digest&, bool) { return true; }

constexpr WallTime start{std::chrono::milliseconds(1'700'000'000'000)};

class IndexTest : public testing::Test {
 protected:
  IndexTest() { index.set_time(start); }
  Index index;
};

TEST_F(IndexTest, FindsEntriesOfEitherAlgorithm) {
  const auto short_one = named(1), long_one = named(1, Algorithm::sha512);
  index.put(short_one, {100, false});
  index.put(long_one, {200, true});
  EXPECT_EQ(index.find(short_one)->size, 100U);
  EXPECT_EQ(index.find(long_one)->size, 200U);
  EXPECT_TRUE(index.find(long_one)->is_inline);
  EXPECT_FALSE(index.find(named(2)));
  // A digest with the same beginning as the longer one is a different entry.
  const Digest head(Algorithm::sha256, long_one.bytes().first(32));
  EXPECT_FALSE(index.has(head));
  EXPECT_EQ(index.count(), 2U);
  EXPECT_EQ(index.bytes(), 300U);
  EXPECT_EQ(index.file_bytes(), 4096U);
}

TEST_F(IndexTest, KeepsSumsAfterReplacingAndErasing) {
  index.put(named(1), {100, false});
  index.put(named(1), {5000, false});
  EXPECT_EQ(index.bytes(), 5000U);
  EXPECT_EQ(index.file_bytes(), 8192U);
  EXPECT_EQ(index.count(), 1U);
  EXPECT_TRUE(index.erase(named(1)));
  EXPECT_FALSE(index.erase(named(1)));
  EXPECT_EQ(index.bytes() + index.file_bytes() + index.count(), 0U);
}

TEST_F(IndexTest, RestoringKeepsExistingEntries) {
  index.put(named(1), {100, false, false});
  index.restore(named(1), {999, true, true});
  EXPECT_EQ(index.find(named(1))->size, 100U);
  EXPECT_FALSE(index.find(named(1))->doubtful);
  index.restore(named(2), {7, false, true});
  EXPECT_TRUE(index.find(named(2))->doubtful);
}

TEST_F(IndexTest, EvictsNewEntriesBeforeRestoredOnes) {
  for (int i = 0; i < 100; ++i) index.restore(named(i), {100'000, false});
  for (int i = 100; i < 130; ++i) index.put(named(i), {100'000, false});
  for (int i = 0; i < 15; ++i) {
    const auto victim = index.evict(13'000'000, anyone);
    ASSERT_TRUE(victim);
    EXPECT_FALSE(index.has(victim->digest));
  }
  int old = 0;
  for (int i = 0; i < 100; ++i) old += index.has(named(i)) ? 1 : 0;
  EXPECT_EQ(old, 100);
}

TEST_F(IndexTest, EvictsPermittedVictimsOfEitherAlgorithm) {
  index.put(named(1, Algorithm::sha512), {100, false});
  index.put(named(2), {100, true});
  const auto only_long = [](const Digest& digest, bool) {
    return digest.algorithm() == Algorithm::sha512;
  };
  const auto victim = index.evict(0, only_long);
  ASSERT_TRUE(victim);
  EXPECT_EQ(victim->digest, named(1, Algorithm::sha512));
  EXPECT_FALSE(victim->is_inline);
  EXPECT_FALSE(index.evict(0, only_long));
  EXPECT_EQ(index.count(), 1U);
}

TEST_F(IndexTest, SetsAndClearsDoubt) {
  index.doubt(named(1));  // absent: no effect
  index.put(named(1), {100, false});
  index.doubt(named(1));
  EXPECT_TRUE(index.find(named(1))->doubtful);
  index.trust(named(1));
  EXPECT_FALSE(index.find(named(1))->doubtful);
  index.doubt(named(1));
  index.put(named(1), {100, false});
  EXPECT_FALSE(index.find(named(1))->doubtful) << "fetched again";
}

TEST_F(IndexTest, DoubtsLongUnreadFilesButNotInlineBlobs) {
  index.put(named(1), {100, false});
  index.put(named(2), {100, true});
  index.set_time(start + 6 * 24h);
  EXPECT_FALSE(index.find(named(1))->doubtful);
  index.use(named(1));
  index.set_time(start + 12 * 24h);
  EXPECT_FALSE(index.find(named(1))->doubtful) << "read six days ago";
  index.set_time(start + 20 * 24h);
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(index.find(named(1))->doubtful) << "a look-up is no verification";
  EXPECT_FALSE(index.find(named(2))->doubtful);
  index.trust(named(1));
  EXPECT_FALSE(index.find(named(1))->doubtful) << "just verified";
  index.set_time(start + 28 * 24h);
  EXPECT_TRUE(index.find(named(1))->doubtful);
}

TEST_F(IndexTest, CountsHitsAndRecentUses) {
  index.put(named(1), {100, false});
  index.put(named(2), {100, false});
  index.set_time(start + 2h);
  for (int i = 0; i < 3; ++i) index.use(named(2));
  static_cast<void>(index.find(named(1)));
  index.use(named(3));  // absent: no effect
  EXPECT_EQ(index.uses(named(1)).hits, 0);
  EXPECT_EQ(index.uses(named(2)).hits, 3);
  EXPECT_EQ(index.uses(named(3)).hits, 0);
  const auto unused = [](const Digest&, bool used_lately) { return !used_lately; };
  EXPECT_EQ(index.evict(0, unused)->digest, named(1));
  EXPECT_FALSE(index.evict(0, unused));
}

}  // namespace
}  // namespace entrepot::cache
