// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/scrub.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <vector>

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
  static std::size_t pages() { return (1U << 20) / static_cast<std::size_t>(::getpagesize()); }
  /// The pages of a blob of 1 MiB that are in the page cache.
  std::size_t resident_pages(const Digest& digest) const {
    const int fd = open_file(digest);
    std::vector<unsigned char> flags(pages());
    void* const mapped = ::mmap(nullptr, 1 << 20, PROT_READ, MAP_SHARED, fd, 0);
    EXPECT_NE(mapped, MAP_FAILED);
    EXPECT_EQ(::mincore(mapped, 1 << 20, flags.data()), 0);
    ::munmap(mapped, 1 << 20);
    ::close(fd);
    return static_cast<std::size_t>(std::count_if(
        flags.begin(), flags.end(), [](unsigned char flag) { return (flag & 1U) != 0; }));
  }
  /// Takes the blob out of the page cache. False: the file system keeps it.
  bool drop_pages(const Digest& digest) const {
    const int fd = open_file(digest);
    EXPECT_EQ(::fsync(fd), 0);
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::close(fd);
    return resident_pages(digest) == 0;
  }
  std::uint64_t scrubbed() const { return number("entrepot_scrubbed_bytes_total"); }
  std::uint64_t removed() const {
    return number(R"(entrepot_cache_evictions_total{reason="corrupt"})");
  }

  Scrub scrub{storage.environment, storage.store, storage.files};

 private:
  int open_file(const Digest& digest) const {
    const int fd =
        ::open(Layout(storage.options.directory).blob(digest).c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_GE(fd, 0);
    return fd;
  }
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

TEST_F(ScrubTest, AnEmptyFileHasTheDigestOfNothing) {
  const auto empty = store_blob("");
  const auto blob = store_blob(pattern(500'000));
  storage.store.blobs().doubt(empty);
  scrub.verify_first({empty});
  tick();
  EXPECT_EQ(scrubbed(), 500'000U);
  EXPECT_EQ(removed(), 0U);
  EXPECT_TRUE(storage.store.blobs().has(empty));
  EXPECT_FALSE(storage.store.blobs().find(empty)->doubtful);
  EXPECT_TRUE(storage.store.blobs().has(blob));
}

TEST_F(ScrubTest, ReadsAtMostItsRateInASecond) {
  storage.limits.scrub_rate = 200'000;
  store_blob(pattern(500'000));
  for (const std::uint64_t expected : {200'000U, 400'000U, 500'000U}) {
    tick();
    EXPECT_EQ(scrubbed(), expected);
  }
}

TEST_F(ScrubTest, DropsThePagesThatItReadFromTheDisk) {
  const auto blob = store_blob(pattern(1 << 20));
  if (!drop_pages(blob)) GTEST_SKIP() << "this file system does not evict";
  tick();
  EXPECT_EQ(scrubbed(), 1U << 20);
  EXPECT_EQ(resident_pages(blob), 0U);
}

TEST_F(ScrubTest, KeepsThePagesOfABlobThatAClientReads) {
  const auto blob = store_blob(pattern(1 << 20));
  if (!drop_pages(blob)) GTEST_SKIP() << "this file system does not evict";
  const auto reader = storage.files.open_blob(blob, 1 << 20, BlobFiles::Wait::may_wait);
  ASSERT_NE(reader.file, nullptr);
  ASSERT_LT(resident_pages(blob), pages()) << "the scrub has to read from the disk";
  tick();
  EXPECT_EQ(scrubbed(), 1U << 20);
  EXPECT_EQ(resident_pages(blob), pages());
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
