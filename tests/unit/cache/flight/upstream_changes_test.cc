// SPDX-License-Identifier: Apache-2.0
// Upstreams that come, go, and change their access while the cache runs.
#include "tests/unit/cache/flight/origins_fixture.h"

namespace entrepot::cache {
namespace {

class UpstreamChangesTest : public OriginsTest {
 protected:
  /// The jobs of a reload end before the cache that they use, as in the process.
  ~UpstreamChangesTest() override { executor.run(); }
};

/// As at a restart with the other configuration.
TEST_F(UpstreamChangesTest, AccessChangesWhileItRuns) {
  store(large, stranger);
  store(small, team);
  store_manifest(manifest_naming({sha256(large)}), third);
  store_manifest(manifest_naming({sha256(small)}), stranger);
  EXPECT_TRUE(cache->find_blob(third, sha256(large)));
  EXPECT_FALSE(cache->find_blob(stranger, sha256(small)));

  options.upstreams["docker.io"].restricted = true;
  cache->reconfigure(options);
  EXPECT_FALSE(cache->find_blob(third, sha256(large))) << "what only docker.io gave is closed";
  EXPECT_TRUE(cache->find_blob(stranger, sha256(large))) << "its own repositories still have it";
  clock.advance(std::chrono::seconds(61));
  EXPECT_FALSE(cache->find_blob(stranger, sha256(large))) << "its proofs age from now on";
  expect_fetched(large, third);

  options.upstreams["docker.io"].restricted = options.upstreams["private"].restricted = false;
  cache->reconfigure(options);
  EXPECT_TRUE(cache->find_blob(stranger, sha256(large)));
  EXPECT_TRUE(cache->find_blob(stranger, sha256(small))) << "private is open to all";

  options.upstreams["private"].restricted = true;
  cache->reconfigure(options);
  EXPECT_FALSE(cache->find_blob(stranger, sha256(small)));
}

TEST_F(UpstreamChangesTest, TheFirstRestrictedUpstreamClosesWhatItAloneGave) {
  for (auto& [name, policy] : options.upstreams) policy.restricted = false;
  open();
  for (const auto& blob : {small, middle, large}) store(blob, team);
  store_manifest(manifest_naming({sha256(small), sha256(middle), sha256(large)}), stranger);
  EXPECT_TRUE(cache->find_blob(stranger, sha256(large)));
  options.upstreams["private"].restricted = true;
  cache->reconfigure(options);
  for (const auto& blob : {small, middle, large}) {
    EXPECT_FALSE(cache->find_blob(stranger, sha256(blob)));
    expect_hit(blob, team);
  }
  open();
  for (const auto& blob : {small, middle, large}) expect_fetched(blob, stranger);
}

TEST_F(UpstreamChangesTest, ARunningFillIsNotJoinedOnceItsUpstreamIsRestricted) {
  for (auto& [name, policy] : options.upstreams) policy.restricted = false;
  open();
  const auto first = ask_blob(sha256(large), team);
  auto& of_team = last();
  of_team.head(large.size());
  of_team.data(std::string_view(large).substr(0, 10'000));
  executor.run();
  options.upstreams["private"].restricted = true;
  cache->reconfigure(options);
  ask_blob(sha256(large), stranger);
  EXPECT_EQ(last().request.upstream, stranger.upstream);
  of_team.data(std::string_view(large).substr(10'000));
  of_team.done();
  executor.run();
  EXPECT_EQ(read(*first.answer().content), large) << "it ends as it has begun";
  expect_hit(large, team);
  EXPECT_FALSE(cache->find_blob(stranger, sha256(large)));
}

TEST_F(UpstreamChangesTest, NoNoteOfAnUnfinishedFileIsOlderThanTheFile) {
  const auto blob = pattern(4 << 20);
  const auto begin_and_lose = [&](RepositoryRef repository) {
    ask_blob(sha256(blob), repository);
    last().head(blob.size());
    last().data(std::string_view(blob).substr(0, 3 << 20));
    last().fail(FailureKind::unavailable);
    executor.run();
  };
  begin_and_lose(team);  // and notes it
  for (auto& [name, policy] : options.upstreams) policy.restricted = false;
  open();
  begin_and_lose(stranger);  // and notes nothing
  for (const char* name : {"private", "docker.io"}) options.upstreams[name].restricted = true;
  open();
  expect_fetched(blob, team);
}

TEST_F(UpstreamChangesTest, AnUpstreamComesAndGoes) {
  store(large, stranger);
  ask_tag("latest", false, false, stranger);
  const auto manifest = manifest_naming({sha256(large)});
  last().answer(manifest, oci_manifest_type);
  executor.run();
  const auto before = options;
  options.upstreams.erase("docker.io");
  options.upstreams["new.example"] = {};
  cache->reconfigure(options);
  EXPECT_FALSE(cache->find_blob(stranger, sha256(large)));
  EXPECT_FALSE(cache->find_blob({"new.example", "a/b"}, sha256(large)));
  // A request that has begun before is answered, and the new upstream works.
  const auto late = ask_tag("other", false, false, stranger);
  last().answer(manifest, oci_manifest_type);
  executor.run();
  EXPECT_EQ(read(*late.answer().content), manifest);
  store(middle, {"new.example", "a/b"});
  expect_hit(middle, {"new.example", "a/b"});
  cache->reconfigure(before);
  expect_hit(large, stranger);
  EXPECT_TRUE(cache->find_tag(stranger, "latest"));
  EXPECT_FALSE(cache->find_blob({"new.example", "a/b"}, sha256(middle)));
}

}  // namespace
}  // namespace entrepot::cache
