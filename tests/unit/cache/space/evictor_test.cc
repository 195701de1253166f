// SPDX-License-Identifier: Apache-2.0
#include "cache/space/evictor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cache/storage_fixture.h"

namespace entrepot::cache {
namespace {

constexpr std::uint64_t mebibyte = 1 << 20;

class EvictorTest : public StorageTest {
 protected:
  std::uint64_t evict() { return storage.evictor.evict_one(metrics::EvictionReason::size); }
};

TEST_F(EvictorTest, EvictsABlobFromIndexDiskAndRocksDb) {
  const auto blob = store_blob(pattern(10'000));
  EXPECT_EQ(evict(), 12'288U) << "whole blocks of the file system";
  EXPECT_FALSE(storage.store.blobs().has(blob));
  EXPECT_FALSE(blob_file_exists(blob));
  executor.run();
  EXPECT_FALSE(storage.rocks.blob(blob));
}

TEST_F(EvictorTest, EvictsNothingFromAnEmptyCache) {
  EXPECT_EQ(evict(), 0U);
  EXPECT_THAT(storage.evictor.report().take(), testing::IsEmpty());
}

TEST_F(EvictorTest, ReportsEvictionsByReason) {
  store_blob(pattern(10'000));
  store_blob(pattern(20'000));
  store_blob(pattern(30'000));
  for (int i = 0; i < 2; ++i) ASSERT_GT(evict(), 0U);
  ASSERT_GT(storage.evictor.evict_one(metrics::EvictionReason::reserve), 0U);
  EXPECT_THAT(
      storage.evictor.report().take(),
      testing::ElementsAre("evicted 2 objects (30000 bytes): cache.max_size is reached",
                           "evicted 1 object (30000 bytes): the file system has less free than "
                           "cache.reserve_free, or few free inodes"));
  EXPECT_THAT(storage.evictor.report().take(), testing::IsEmpty()) << "since the last call";
}

TEST_F(EvictorTest, SparesPinnedObjects) {
  storage.pins.set_commanded({"library/alpine"});
  const auto pinned = store_blob("pinned");
  storage.pins.note(pinned);
  EXPECT_EQ(evict(), 0U);
  EXPECT_TRUE(storage.store.blobs().has(pinned));
}

TEST_F(EvictorTest, SparesManifestsOfTheLastHourWithinTheirShare) {
  storage.store.set_time(clock.wall());
  const auto manifest = store_manifest(manifest_naming({}));
  storage.store.manifests().use(manifest);
  EXPECT_EQ(evict(), 0U);
  clock.advance(std::chrono::hours(2));
  storage.store.set_time(clock.wall());
  EXPECT_GT(evict(), 0U);
  EXPECT_FALSE(storage.store.manifests().has(manifest));
}

TEST_F(EvictorTest, SparesBlobsThatAreBeingRead) {
  const auto blob = store_blob("in use");
  auto reader = storage.store.find(Resource::blob, blob);
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(evict(), 0U);
  reader.reset();
  EXPECT_GT(evict(), 0U);
}

TEST_F(EvictorTest, EvictsOnlyPartialFilesBeforeTheIndexIsLoaded) {
  storage.lifecycle.loaded = false;
  const auto blob = store_blob("old");
  const auto partial = leave_partial("half", 4096);
  EXPECT_EQ(evict(), 4096U);
  EXPECT_FALSE(storage.store.partials().has(partial));
  EXPECT_EQ(evict(), 0U);
  EXPECT_TRUE(storage.store.blobs().has(blob));
}

TEST_F(EvictorTest, EvictsPartialFilesFirstAboveAnEighth) {
  storage.limits.max_size = 4 * mebibyte;
  const auto blob = store_blob("whole");
  leave_partial("large", mebibyte / 2 + 4096);
  EXPECT_EQ(evict(), mebibyte / 2 + 4096);
  EXPECT_TRUE(storage.store.blobs().has(blob));
  leave_partial("small", mebibyte / 2);
  EXPECT_EQ(evict(), 4096U) << "the blob";
  EXPECT_FALSE(storage.store.blobs().has(blob));
}

TEST_F(EvictorTest, EvictsManifestsBeforeBlobsOnlyAboveTheirShare) {
  storage.limits.max_size = 64 * 1024;
  const auto blob = store_blob("blob");
  const auto manifest = store_manifest(manifest_naming({}));
  evict();
  EXPECT_FALSE(storage.store.blobs().has(blob));
  EXPECT_TRUE(storage.store.manifests().has(manifest));
  const auto next = store_blob("next blob");
  store_manifest(manifest_naming({}, R"(,"x":")" + std::string(4000, 'x') + '"'));
  evict();
  EXPECT_TRUE(storage.store.blobs().has(next));
  EXPECT_EQ(storage.store.manifests().count(), 1U);
}

}  // namespace
}  // namespace entrepot::cache
