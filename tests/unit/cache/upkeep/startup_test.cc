// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/startup.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/cache/storage_fixture.h"

namespace entrepot::cache {
namespace {

/// A process that starts with the records of an earlier one.
class StartupTest : public StorageTest {
 protected:
  StartupTest() { storage.lifecycle.loaded = false; }

  /// Writes the record of a blob as an earlier process left it.
  Digest record_blob(const std::string& name, std::chrono::milliseconds age) {
    const auto digest = sha256(name);
    EXPECT_TRUE(storage.rocks.put_blob(digest, {1000, clock.wall() - age, false, "docker.io"}));
    return digest;
  }
  void note_running(std::chrono::milliseconds age) {
    storage.rocks.notes().put("running",
                              std::to_string((clock.wall() - age).time_since_epoch().count()));
  }
  bool doubtful(const Digest& digest) {
    const auto stored = storage.store.blobs().find(digest);
    EXPECT_TRUE(stored);
    return stored && stored->doubtful;
  }

  Scrub scrub{storage.environment, storage.store, storage.files};
  Startup startup{storage, scrub};
};

TEST_F(StartupTest, LoadsBlobsAndManifests) {
  const auto blob = record_blob("blob", std::chrono::hours(1));
  const std::string bytes = manifest_naming({});
  const auto manifest = sha256(bytes);
  ASSERT_TRUE(storage.rocks.put_manifest(
      manifest, {oci_manifest_type, bytes.size(), clock.wall(), "docker.io"}, bytes));
  startup.begin();
  EXPECT_FALSE(storage.lifecycle.loaded);
  ASSERT_TRUE(startup.run());
  EXPECT_TRUE(storage.lifecycle.loaded);
  EXPECT_EQ(storage.store.blobs().find(blob)->size, 1000U);
  EXPECT_EQ(storage.store.manifests().find(manifest)->size, bytes.size());
}

TEST_F(StartupTest, DoubtsNothingAfterACleanShutdown) {
  const auto blob = record_blob("blob", std::chrono::seconds(1));
  startup.begin();
  ASSERT_TRUE(startup.run());
  EXPECT_FALSE(doubtful(blob));
}

TEST_F(StartupTest, DoubtsBlobsOfTheLastMinutesBeforeAnUncleanShutdown) {
  note_running(std::chrono::minutes(30));
  const auto older = record_blob("older", std::chrono::minutes(42));
  const auto newer = record_blob("newer", std::chrono::minutes(40));
  startup.begin();
  ASSERT_TRUE(startup.run());
  EXPECT_FALSE(doubtful(older));
  EXPECT_TRUE(doubtful(newer));
}

TEST_F(StartupTest, KeepsTheDoubtOfAnEarlierUncleanShutdown) {
  note_running(std::chrono::minutes(30));
  const auto blob = record_blob("blob", std::chrono::minutes(40));
  startup.begin();  // and this process ends before it has verified the blob
  Scrub next_scrub{storage.environment, storage.store, storage.files};
  Startup next{storage, next_scrub};
  note_running(std::chrono::minutes(0));
  storage.lifecycle.doubtful_since = WallTime::max();
  next.begin();
  ASSERT_TRUE(next.run());
  EXPECT_TRUE(doubtful(blob));
}

TEST_F(StartupTest, IgnoresNotesThatAreNoNumbers) {
  storage.rocks.notes().put("running", "yesterday");
  storage.rocks.notes().put("bytes", "12 MiB");
  const auto blob = record_blob("blob", std::chrono::seconds(1));
  startup.begin();
  EXPECT_EQ(storage.lifecycle.bytes_before, 0U);
  ASSERT_TRUE(startup.run());
  EXPECT_FALSE(doubtful(blob));
}

TEST_F(StartupTest, KnowsTheSizeOfAllBlobsBeforeItHasLoadedThem) {
  record_blob("blob", std::chrono::hours(1));
  startup.begin();
  ASSERT_TRUE(startup.run());
  Startup::note_alive(storage);
  storage.lifecycle.loaded = false;
  startup.begin();
  EXPECT_EQ(storage.lifecycle.bytes_before, storage.store.blobs().file_bytes());
  EXPECT_GE(storage.lifecycle.bytes_before, 1000U);
}

TEST_F(StartupTest, RunsAgainIfItIsInterrupted) {
  const auto blob = record_blob("blob", std::chrono::hours(1));
  startup.begin();
  storage.lifecycle.stopping = true;
  EXPECT_FALSE(startup.run());
  EXPECT_FALSE(storage.lifecycle.loaded);
  EXPECT_TRUE(storage.lifecycle.load_failed);
  storage.lifecycle.stopping = false;
  EXPECT_TRUE(startup.run());
  EXPECT_TRUE(storage.store.blobs().has(blob));
}

TEST_F(StartupTest, ErasesTheNoteOfTheProcessAtItsEnd) {
  startup.begin();
  EXPECT_TRUE(storage.rocks.notes().get("running"));
  Startup::note_end(storage);
  EXPECT_FALSE(storage.rocks.notes().get("running"));
}

TEST_F(StartupTest, PinsTheObjectsOfTheRepositoriesThatMatch) {
  storage.rocks.notes().put("pins", "library/alpine\n");
  const auto pinned = sha256("layer of alpine"), other = sha256("layer of debian");
  const LinkRecord link{LinkRecord::Proof::upstream, clock.wall()};
  ASSERT_TRUE(storage.rocks.put_links({link_key({"docker.io", "library/alpine"}, pinned)}, link));
  ASSERT_TRUE(storage.rocks.put_links({link_key({"docker.io", "library/debian"}, other)}, link));
  startup.begin();
  ASSERT_TRUE(startup.run());
  EXPECT_TRUE(storage.pins.contains(pinned));
  EXPECT_FALSE(storage.pins.contains(other));
}

}  // namespace
}  // namespace entrepot::cache
