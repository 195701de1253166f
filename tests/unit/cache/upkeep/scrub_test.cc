// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/scrub.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/fakes/no_descriptors.h"
#include "tests/unit/cache/storage_fixture.h"

namespace entrepot::cache {
namespace {

class ScrubTest : public StorageTest {
 protected:
  ScrubTest() { storage.limits.scrub_rate = 1 << 20; }

  void tick() {
    scrub.tick();
    executor.run();
  }
  void corrupt(const Digest& digest) const {
    std::fstream file(Layout(storage.options.directory).blob(digest),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.put('\x7f');
    ASSERT_TRUE(file.good());
  }
  std::uint64_t scrubbed() const { return number("entrepot_scrubbed_bytes_total"); }
  std::uint64_t removed() const {
    return number(R"(entrepot_cache_evictions_total{reason="corrupt"})");
  }

  Scrub scrub{storage.environment, storage.store, storage.files};

 private:
  std::uint64_t number(const std::string& series) const {
    const auto text = metrics.text();
    const auto at = text.find("\n" + series + " ");
    EXPECT_NE(at, std::string::npos) << series;
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + series.size() + 2));
  }
};

TEST_F(ScrubTest, KeepsAFileThatHasItsDigest) {
  const auto blob = store_blob(pattern(500'000));
  tick();
  EXPECT_EQ(scrubbed(), 500'000U);
  EXPECT_EQ(removed(), 0U);
  EXPECT_TRUE(storage.store.blobs().has(blob));
  EXPECT_TRUE(blob_file_exists(blob));
}

TEST_F(ScrubTest, RemovesAFileThatLostItsDigest) {
  const auto blob = store_blob(pattern(500'000));
  corrupt(blob);
  tick();
  EXPECT_EQ(removed(), 1U);
  EXPECT_FALSE(storage.store.blobs().has(blob));
  EXPECT_FALSE(blob_file_exists(blob));
  EXPECT_FALSE(storage.rocks.blob(blob));
}

TEST_F(ScrubTest, ReadsAtMostItsRateInASecond) {
  storage.limits.scrub_rate = 200'000;
  store_blob(pattern(500'000));
  for (const std::uint64_t expected : {200'000U, 400'000U, 500'000U}) {
    tick();
    EXPECT_EQ(scrubbed(), expected);
  }
}

TEST_F(ScrubTest, VerifiesDoubtfulBlobsFirstAndWithoutThatRate) {
  storage.limits.scrub_rate = 0;
  store_blob("other blob");
  const auto doubtful = store_blob(pattern(500'000));
  storage.store.blobs().doubt(doubtful);
  scrub.verify_first({doubtful});
  EXPECT_EQ(storage.store.find(Resource::blob, doubtful), nullptr);
  tick();
  EXPECT_EQ(scrubbed(), 500'000U);
  EXPECT_NE(storage.store.find(Resource::blob, doubtful), nullptr);
}

TEST_F(ScrubTest, SkipsADoubtThatARequestHasResolved) {
  storage.limits.scrub_rate = 0;
  const auto blob = store_blob(pattern(500'000));
  storage.store.blobs().doubt(blob);
  scrub.verify_first({blob});
  storage.store.settle_doubt(blob, blob, nullptr);
  tick();
  EXPECT_EQ(scrubbed(), 0U);
}

TEST_F(ScrubTest, RetriesABlobThatItCannotOpenNow) {
#ifdef ENTREPOT_ASAN
  GTEST_SKIP() << "the sanitizer needs descriptors of its own";
#endif
  storage.limits.scrub_rate = 0;
  const auto blob = store_blob(pattern(500'000));
  storage.store.blobs().doubt(blob);
  scrub.verify_first({blob});
  {
    const NoDescriptors none;
    tick();
  }
  EXPECT_EQ(scrubbed(), 0U);
  ASSERT_TRUE(storage.store.blobs().has(blob)) << "the blob is not lost";
  tick();
  EXPECT_EQ(scrubbed(), 500'000U);
  EXPECT_NE(storage.store.find(Resource::blob, blob), nullptr);
}

TEST_F(ScrubTest, ErasesTheNoteOfDoubtOnceAllAreVerified) {
  storage.rocks.notes().put("doubtful", "1");
  const auto blob = store_blob(pattern(500'000));
  storage.store.blobs().doubt(blob);
  scrub.verify_first({blob});
  tick();
  EXPECT_FALSE(storage.rocks.notes().get("doubtful"));
}

TEST_F(ScrubTest, RemovesTheEntryOfAMissingFile) {
  const auto blob = store_blob("gone");
  std::filesystem::remove(Layout(storage.options.directory).blob(blob));
  tick();
  EXPECT_FALSE(storage.store.blobs().has(blob));
}

TEST_F(ScrubTest, StartsARoundAWeekAfterTheLastOne) {
  store_blob(pattern(10'000));
  tick();
  tick();
  EXPECT_EQ(scrubbed(), 10'000U);
  clock.advance(std::chrono::days(7) - std::chrono::seconds(1));
  tick();
  EXPECT_EQ(scrubbed(), 10'000U);
  clock.advance(std::chrono::seconds(1));
  tick();
  EXPECT_EQ(scrubbed(), 20'000U);
}

TEST_F(ScrubTest, ContinuesTheRoundOfAnEarlierProcess) {
  auto one = store_blob("one"), two = store_blob("the other");
  if (digest_key(two) < digest_key(one)) std::swap(one, two);
  storage.rocks.notes().put("scrubbed", one.str());
  tick();
  EXPECT_EQ(scrubbed(), storage.store.blobs().find(two)->size);
  EXPECT_FALSE(storage.rocks.notes().get("scrubbed")) << "the round has ended";
}

TEST_F(ScrubTest, WaitsUntilTheIndexIsLoaded) {
  store_blob(pattern(10'000));
  storage.lifecycle.loaded = false;
  tick();
  EXPECT_EQ(scrubbed(), 0U);
  storage.lifecycle.loaded = true;
  tick();
  EXPECT_EQ(scrubbed(), 10'000U);
}

}  // namespace
}  // namespace entrepot::cache
