// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/sweep.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/cache/storage_fixture.h"

namespace entrepot::cache {
namespace {

constexpr RepositoryRef alpine{"docker.io", "library/alpine"};

class SweepTest : public StorageTest {
 protected:
  std::string put_tag(RepositoryRef repository, std::chrono::milliseconds age) {
    const auto key = tag_key(repository, "latest");
    EXPECT_TRUE(
        storage.rocks.put_tag(key, {sha256("x"), oci_manifest_type, 10, clock.wall() - age}));
    return key;
  }
  std::string put_link(const Digest& digest, std::chrono::milliseconds age,
                       RepositoryRef repository = alpine) {
    const auto key = link_key(repository, digest);
    EXPECT_TRUE(storage.rocks.put_links({key}, {LinkRecord::Proof::upstream, clock.wall() - age}));
    return key;
  }
  void sweep_all() {
    sweep(storage);
    executor.run();
  }
};

TEST_F(SweepTest, ErasesTagsThatAreTooOldToBeServedStale) {
  const auto lifetime = std::chrono::seconds(60) + std::chrono::days(7);
  const auto kept = put_tag(alpine, lifetime);
  const auto old =
      put_tag({"docker.io", "library/debian"}, lifetime + std::chrono::milliseconds(1));
  sweep_all();
  EXPECT_TRUE(storage.rocks.tag(kept));
  EXPECT_FALSE(storage.rocks.tag(old));
}

TEST_F(SweepTest, KeepsTagsOfUpstreamsThatAreNotConfiguredAsLongAsOthers) {
  const auto lifetime = std::chrono::seconds(60) + std::chrono::days(7);
  const auto kept = put_tag({"quay.io", "library/alpine"}, lifetime);
  const auto old = put_tag({"quay.io", "library/debian"}, lifetime + std::chrono::milliseconds(1));
  sweep_all();
  EXPECT_TRUE(storage.rocks.tag(kept)) << "the upstream may come back";
  EXPECT_FALSE(storage.rocks.tag(old));
}

TEST_F(SweepTest, ErasesOldLinksToObjectsThatAreNotStored) {
  const auto blob = store_blob("blob");
  const auto manifest = store_manifest(manifest_naming({}));
  const std::chrono::days week{7};
  const auto to_blob = put_link(blob, week), to_manifest = put_link(manifest, week);
  const auto recent = put_link(sha256("arrives soon"), std::chrono::hours(23));
  const auto dead = put_link(sha256("evicted"), std::chrono::hours(25));
  sweep_all();
  EXPECT_TRUE(storage.rocks.link(to_blob));
  EXPECT_TRUE(storage.rocks.link(to_manifest));
  EXPECT_TRUE(storage.rocks.link(recent));
  EXPECT_FALSE(storage.rocks.link(dead));
}

TEST_F(SweepTest, KeepsARecordThatIsRenewedMeanwhile) {
  const auto digest = sha256("evicted");
  put_link(digest, std::chrono::hours(25));
  sweep(storage);
  const auto renewed = put_link(digest, std::chrono::hours(0));
  executor.run();
  EXPECT_TRUE(storage.rocks.link(renewed));
}

TEST_F(SweepTest, WaitsUntilTheIndexIsLoaded) {
  storage.lifecycle.loaded = false;
  const auto link = put_link(sha256("not known yet"), std::chrono::hours(25));
  sweep_all();
  EXPECT_TRUE(storage.rocks.link(link));
}

TEST_F(SweepTest, TrimsTheOldestLinksAboveTheirShare) {
  constexpr std::uint64_t share = 1 << 20;
  storage.limits.max_size = 32 * share;
  constexpr int batch = 1000;
  std::vector<std::string> newest, oldest;
  // RocksDB reports less once it has written and compressed them: three shares are enough.
  for (int minutes = 0; storage.rocks.usage().links_bytes() <= 3 * share; ++minutes) {
    oldest.clear();
    for (int i = 0; i < batch; ++i)
      oldest.push_back(link_key(alpine, sha256(std::to_string(minutes * batch + i))));
    if (newest.empty()) newest = oldest;
    const auto proven_at = clock.wall() - std::chrono::minutes(minutes);
    ASSERT_TRUE(storage.rocks.put_links(oldest, {LinkRecord::Proof::upstream, proven_at}));
  }
  trim_links(storage);
  executor.run();
  EXPECT_TRUE(storage.rocks.link(newest.front()));
  EXPECT_TRUE(storage.rocks.link(newest.back()));
  EXPECT_FALSE(storage.rocks.link(oldest.front()));
  EXPECT_FALSE(storage.rocks.link(oldest.back()));
}

}  // namespace
}  // namespace entrepot::cache
