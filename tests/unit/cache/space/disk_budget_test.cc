// SPDX-License-Identifier: Apache-2.0
// Objects that are spared by eviction: pinned ones, and manifests in use.
#include <array>

#include "cache/fill/pass_through_window.h"
#include "cache/store/pins.h"
#include "tests/unit/cache/cache_fixture.h"
#include "tests/unit/cache/storage_fixture.h"

namespace entrepot::cache {
namespace {

class RoomTest : public CacheTest {
 protected:
  void store(const std::string& bytes, RepositoryRef repository) {
    ask_blob(sha256(bytes), repository);
    last().answer(bytes);
    executor.run();
  }
  bool has(const std::string& bytes, RepositoryRef repository) const {
    return cache->find_blob(repository, sha256(bytes)).has_value();
  }
  static std::string blob(int seed) {
    auto bytes = pattern(1'000'000);
    bytes += std::to_string(seed);
    return bytes;
  }
  /// Stores blobs that are requested only once.
  void store_many(int from, int count = 20) {
    for (int seed = from; seed < from + count; ++seed) store(blob(seed), other);
  }
};

TEST_F(RoomTest, SparesPinnedObjects) {
  options.max_size = 8 << 20;
  options.pins = {"library/*"};
  open();
  store(blob(1), repo);
  store(blob(2), other);
  store_many(100);
  EXPECT_TRUE(has(blob(1), repo));
  EXPECT_FALSE(has(blob(2), other));
}

TEST_F(RoomTest, KeepsPinsAfterARestart) {
  options.max_size = 8 << 20;
  open();
  store(blob(1), repo);
  options.pins = {"docker.io/library/*"};  // known from the links in the index only
  open();
  store_many(100);
  ask_blob(sha256(blob(1)), repo);
  EXPECT_TRUE(has(blob(1), repo));
}

TEST_F(RoomTest, PinsAStoredBlobOnceAPinnedRepositoryHasIt) {
  options.max_size = 8 << 20;
  options.pins = {"library/*"};
  open();
  store(blob(1), other);
  ask_blob(sha256(blob(1)), repo);  // a HEAD request upstream proves the link of this repository
  last().head(blob(1).size());
  last().done();
  executor.run();
  ASSERT_TRUE(has(blob(1), repo));
  store_many(100);
  EXPECT_TRUE(has(blob(1), repo));
}

TEST_F(RoomTest, PassesNewBlobsThroughIfAllIsPinned) {
  options.max_size = 8 << 20;
  options.pins = {"*"};
  open();
  store_many(1, 8);
  // There may be space for the first 64 KiB of a few blobs.
  Pending pending;
  for (int i = 50; i < 60; ++i) {
    pending = ask_blob(sha256(blob(i)), other);
    last().head(blob(i).size());
    executor.run();
    ASSERT_TRUE(pending.answered());
  }
  EXPECT_EQ(pending.answer().outcome, Outcome::bypass);
  EXPECT_EQ(to_string(pending.answer().reason), "disk-full");
}

TEST(Pins, OverlappingRecountsKeepNotedDigests) {
  const auto digest = sha256("x");
  const auto nothing = [](Pins::Hashes&) { return true; };
  Pins pins({"library/*"});
  auto one = pins.keep_notes();
  pins.note(digest);
  auto other = pins.keep_notes();
  EXPECT_TRUE(pins.recount(nothing));
  one.reset();
  EXPECT_TRUE(pins.recount(nothing));
  EXPECT_TRUE(pins.contains(digest));
  EXPECT_FALSE(pins.recount([](Pins::Hashes&) { return false; }));
  EXPECT_TRUE(pins.contains(digest)) << "a recount that failed changes nothing";
  other.reset();
  EXPECT_TRUE(pins.recount(nothing));
  EXPECT_FALSE(pins.contains(digest)) << "no notes were kept";
}

TEST_F(RoomTest, CountsOneUsePerRequestFromAnySource) {
  const auto small = pattern(100), large = blob(1), manifest = manifest_naming({sha256(small)});
  store(small, repo);
  store(large, repo);
  ask_tag("latest");
  last().answer(manifest, oci_manifest_type);
  executor.run();
  open();
  const auto hits = [this] {
    std::vector<unsigned> each;
    for (const auto& object : cache->admin().list({}, 10).objects) each.push_back(object.hits);
    return each;
  };
  ASSERT_EQ(hits(), (std::vector<unsigned>{0, 0, 0}));
  ask_tag("latest");
  ask_blob(sha256(small));
  ask_blob(sha256(large));
  EXPECT_EQ(hits(), (std::vector<unsigned>{1, 1, 1})) << "from the disk";
  ASSERT_TRUE(cache->find_tag(repo, "latest"));
  ASSERT_TRUE(has(small, repo));
  ASSERT_TRUE(has(large, repo));
  EXPECT_EQ(hits(), (std::vector<unsigned>{2, 2, 2})) << "from memory";
  ask_tag("latest", /*head=*/false, /*revalidate=*/true);
  last().head(manifest.size(), oci_manifest_type, sha256(manifest));
  last().done();
  executor.run();
  EXPECT_EQ(hits(), (std::vector<unsigned>{3, 2, 2})) << "after a request to the upstream";
}

TEST_F(RoomTest, EvictsUnusedNewBlobsBeforeRestoredOnes) {
  options.max_size = 8 << 20;
  open();
  for (int seed = 1; seed <= 3; ++seed) store(blob(seed), repo);
  open();
  store_many(100);
  for (int seed = 1; seed <= 3; ++seed) {
    ask_blob(sha256(blob(seed)));  // writes the link to the disk
    EXPECT_TRUE(has(blob(seed), repo));
  }
}

TEST_F(RoomTest, SparesBlobsThatAreBeingRead) {
  options.max_size = 8 << 20;
  open();
  store(blob(1), repo);
  store(blob(2), repo);
  const auto reader = cache->find_blob(repo, sha256(blob(1)));
  ASSERT_TRUE(reader);
  ASSERT_TRUE(has(blob(2), repo));  // used once as well
  store_many(100);
  EXPECT_TRUE(has(blob(1), repo));
  EXPECT_FALSE(has(blob(2), repo));
}

TEST_F(RoomTest, DisconnectsReaderThatStallsPassThrough) {
  constexpr std::uint64_t window = PassThroughWindow::max_bytes, piece = 256 << 10;
  options.max_size = 8 << 20;
  open();
  const auto large = pattern(3 * window);
  const auto requesters = std::array{ask_blob(sha256(large)), ask_blob(sha256(large))};
  last().head(large.size());
  executor.run();
  const auto& fast = *requesters[0].answer().content;
  const auto& slow = *requesters[1].answer().content;
  auto send = [&, sent = std::size_t{0}](std::uint64_t until) mutable {
    for (; sent < until; sent += piece) {
      ASSERT_TRUE(last().data(std::string_view(large).substr(sent, piece)));
      executor.run();
    }
  };
  const auto pass = [&](int seconds) {
    for (int second = 0; second < seconds; ++second) executor.pass(std::chrono::seconds(1));
  };
  send(window);  // and pauses then
  fast.reader->at(window);
  pass(9);
  EXPECT_FALSE(slow.reader->cut());
  slow.reader->at(window / 4);  // permits more bytes, and is paused again immediately
  send(window + window / 4);
  fast.reader->at(window + window / 4);
  slow.reader->at(window);
  pass(5);  // no reader waits
  send(2 * window);
  fast.reader->at(2 * window);
  pass(9);
  EXPECT_FALSE(slow.reader->cut()) << "its ten seconds restarted";
  pass(2);
  EXPECT_TRUE(slow.reader->cut());
  EXPECT_FALSE(fast.reader->cut());
  send(large.size());
  last().done();
  executor.run();
  EXPECT_EQ(fast.progress->state(), Progress::State::whole);
}

TEST(ReadPositions, DisconnectsOnlySlowReadersThatAreBehind) {
  const auto readers = std::make_shared<ReadPositions>();
  const auto first = readers->join(), moving = readers->join(), still = readers->join();
  for (const auto& each : {first, moving, still}) each->at(10);
  readers->mark();
  first->at(1000);
  moving->at(400);
  still->at(110);
  EXPECT_EQ(readers->fastest(), 1000U);
  EXPECT_EQ(readers->cut_before(500, 100), 1U);
  EXPECT_TRUE(still->cut());
  EXPECT_FALSE(moving->cut() || first->cut());
  EXPECT_EQ(readers->slowest(), 400U) << "the disconnected reader no longer counts";
}

TEST_F(RoomTest, EvictsUnusedManifestsAboveTheirShare) {
  options.max_size = 8 << 20;  // the share of manifests is 256 KiB
  options.memory_cache = 0;    // manifests are found in the index only
  open();
  const auto manifest = [](int seed) {
    return manifest_naming(
        {}, ",\"x\":\"" + pattern(0) + std::string(8000, 'x') + std::to_string(seed) + "\"");
  };
  for (int seed = 0; seed < 60; ++seed) {
    ask_manifest(sha256(manifest(seed)));
    last().answer(manifest(seed), oci_manifest_type);
    executor.run();
  }
  const auto stored = [&](int seed) {
    const auto asked = source.asked.size();
    const auto pending = ask_manifest(sha256(manifest(seed)), repo, /*head=*/false);
    const bool was = source.asked.size() == asked;
    if (!was) last().fail(FailureKind::unavailable);
    executor.run();
    return was;
  };
  const auto left = [&] {
    int count = 0;
    for (int seed = 0; seed < 60; ++seed) count += stored(seed) ? 1 : 0;
    return count;
  };
  for (int seed = 0; seed < 3; ++seed) EXPECT_TRUE(stored(50) && stored(59));
  store_many(100, 20);
  EXPECT_TRUE(stored(50) && stored(59)) << "most uses";
  EXPECT_LT(left(), 40) << "manifests above the share are evicted despite recent uses";
  EXPECT_GT(left(), 20) << "manifests within the share stay";
  store_many(200, 20);
  EXPECT_GT(left(), 20) << "all were used within the last hour";
}

class DiskBudgetTest : public StorageTest {
 protected:
  /// Runs the background job with this cache size. True if it evicts a blob.
  bool evicts_at(std::uint64_t max_size) {
    const auto before = storage.store.blobs().count();
    storage.limits.max_size = max_size;
    storage.budget.trim();
    executor.run();
    return storage.store.blobs().count() < before;
  }
};

TEST_F(DiskBudgetTest, RefusesAFileAboveAQuarterOfTheCache) {
  constexpr std::uint64_t quarter = 1 << 20;
  storage.limits.max_size = 4 * quarter;
  const auto refused = storage.budget.reserve(quarter + 1);
  EXPECT_EQ(refused.reservation, nullptr);
  EXPECT_EQ(refused.refused, BypassReason::too_large);
  EXPECT_NE(storage.budget.reserve(quarter).reservation, nullptr);
}

TEST_F(DiskBudgetTest, CountsPresentBytesOnce) {
  constexpr std::uint64_t larger_than_any_disk = 1ULL << 57;
  storage.limits.max_size = 1ULL << 60;
  const auto missing_page = larger_than_any_disk - 4096;
  EXPECT_NE(storage.budget.reserve(larger_than_any_disk, missing_page).reservation, nullptr);
  EXPECT_EQ(storage.budget.reserve(larger_than_any_disk).reservation, nullptr);
}

TEST_F(DiskBudgetTest, EvictsInTheBackgroundForABodyOnceItsFirstBytesHaveArrived) {
  constexpr std::uint64_t step = 4096;
  for (int i = 0; i < 20; ++i) store_blob("blob " + std::to_string(i));
  const auto announced = storage.budget.reserve_first(1 << 20);
  ASSERT_NE(announced.reservation, nullptr);
  // The smallest cache in which the announced body and the blobs fit.
  std::uint64_t max_size = 8 << 20;
  while (!evicts_at(max_size)) max_size -= step;
  max_size += step;
  store_blob("instead of the evicted blob");
  ASSERT_FALSE(evicts_at(max_size));
  announced.reservation->wrote(step);
  EXPECT_TRUE(evicts_at(max_size)) << "from now on it keeps a part of the cache free";
}

}  // namespace
}  // namespace entrepot::cache
