// SPDX-License-Identifier: Apache-2.0
// The digest alone gives no access: an object that only a restricted upstream has sent is served
// under another upstream only after that one has sent the same bytes.
#include "cache/base/origins.h"

#include "cache/index/layout.h"
#include "cache/index/rocks_index.h"
#include "tests/unit/cache/flight/origins_fixture.h"

namespace entrepot::cache {
namespace {

TEST_F(OriginsTest, ManifestOfAnotherUpstreamOpensNoBlob) {
  for (const auto& blob : {small, middle, large}) {
    store(blob, team);
    store_manifest(manifest_naming({sha256(blob)}), stranger);
    EXPECT_FALSE(cache->find_blob(stranger, sha256(blob)));
    EXPECT_FALSE(cache->find_blob(stranger, sha256(blob), {.ranged = true}));
    expect_fetched(blob, stranger);
    expect_hit(blob, stranger);
    expect_hit(blob, team);
  }
}

TEST_F(OriginsTest, ManifestOfAnotherUpstreamOpensNoBlobAfterARestart) {
  for (const auto& blob : {small, middle, large}) store(blob, team);
  store_manifest(manifest_naming({sha256(small), sha256(middle), sha256(large)}), stranger);
  open();
  for (const auto& blob : {small, middle, large}) {
    expect_fetched(blob, stranger);
    open();
    expect_hit(blob, stranger);
    expect_hit(blob, team);
  }
}

TEST_F(OriginsTest, HeadOpensNoBlob) {
  store(large, team);
  const auto head = ask_blob(sha256(large), stranger, /*head=*/true);
  ASSERT_TRUE(last().request.head);
  last().answer(large);
  executor.run();
  EXPECT_EQ(head.answer().content->file, nullptr);
  EXPECT_EQ(head.answer().content->size, large.size());
  expect_fetched(large, stranger);
}

TEST_F(OriginsTest, BlobRequestedBeforeItsManifestIsFetchedAtOnce) {
  store(large, team);
  expect_fetched(large, stranger);  // without a HEAD before it
}

TEST_F(OriginsTest, TagThatNamesItsDigestOpensNoManifest) {
  const auto manifest = manifest_naming({sha256(small)});
  store_manifest(manifest, team);
  const auto head = ask_tag("latest", /*head=*/true, false, stranger);
  last().answer(manifest, oci_manifest_type, sha256(manifest));
  executor.run();
  EXPECT_EQ(head.answer().content->bytes, nullptr);
  EXPECT_FALSE(cache->find_tag(stranger, "latest"));
  const auto asker = ask_tag("latest", false, false, stranger);
  EXPECT_FALSE(asker.answered());
  for (const std::string& name : {sha256(manifest).str(), std::string("latest")}) {
    EXPECT_EQ(last().request.upstream, stranger.upstream);
    EXPECT_EQ(last().request.reference, name);
    last().fail(FailureKind::not_found);
    executor.run();
  }
  EXPECT_EQ(asker.answer().content, nullptr);
  EXPECT_FALSE(cache->find_manifest(stranger, sha256(manifest)));
  EXPECT_TRUE(cache->find_manifest(team, sha256(manifest)));
}

TEST_F(OriginsTest, IndexOpensNoManifest) {
  const auto manifest = manifest_naming({sha256(small)});
  store_manifest(manifest, team);
  store_manifest(manifest_naming({sha256(manifest)}), stranger);
  EXPECT_FALSE(cache->find_manifest(stranger, sha256(manifest)));
  ask_manifest(sha256(manifest), stranger);
  EXPECT_EQ(last().request.upstream, stranger.upstream);
  last().answer(manifest, oci_manifest_type);
  executor.run();
  EXPECT_TRUE(cache->find_manifest(stranger, sha256(manifest)));
}

TEST_F(OriginsTest, FillOfARestrictedUpstreamIsNotJoined) {
  const auto first = ask_blob(sha256(large), team);
  auto& of_team = last();
  of_team.head(large.size());
  of_team.data(std::string_view(large).substr(0, 10'000));
  executor.run();
  ASSERT_TRUE(first.answered());
  const auto second = ask_blob(sha256(large), stranger);
  EXPECT_FALSE(second.answered());
  EXPECT_EQ(last().request.upstream, stranger.upstream);
  EXPECT_FALSE(last().request.head);
  const auto asked = source.asked.size();
  auto& of_stranger = last();
  of_stranger.head(large.size());
  executor.run();
  ASSERT_TRUE(second.answered());
  EXPECT_NE(second.answer().content->progress, first.answer().content->progress);
  EXPECT_EQ(second.answer().outcome, Outcome::bypass);
  EXPECT_EQ(to_string(second.answer().reason), "other-upstream");
  ask_blob(sha256(large), team);
  EXPECT_EQ(source.asked.size(), asked);
  // Each fill ends by itself, and the first one is stored.
  of_team.data(std::string_view(large).substr(10'000));
  of_team.done();
  executor.run();
  expect_hit(large, team);
  EXPECT_FALSE(cache->find_blob(stranger, sha256(large)));
}

TEST_F(OriginsTest, FillOpenToAllIsJoinedByARestrictedUpstream) {
  ask_blob(sha256(large), stranger);
  last().head(large.size());
  executor.run();
  const auto asker = ask_blob(sha256(large), team);
  ASSERT_TRUE(last().request.head);  // its own upstream proves that it has the blob
  last().answer(large);
  executor.run();
  EXPECT_TRUE(asker.answered());
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(OriginsTest, PartialFillIsNotResumedUnderAnotherUpstream) {
  const auto blob = pattern(4 << 20);
  ask_blob(sha256(blob), team);
  last().head(blob.size());
  last().data(std::string_view(blob).substr(0, 3 << 20));
  last().fail(FailureKind::unavailable);
  executor.run();
  open();
  ask_blob(sha256(blob), team);
  EXPECT_GT(last().request.offset, 0U) << "its own upstream resumes";
  last().fail(FailureKind::unavailable);
  executor.run();
  open();
  expect_fetched(blob, stranger);
}

TEST_F(OriginsTest, RestrictedUpstreamsAreApartFromEachOther) {
  store(large, team);
  store_manifest(manifest_naming({sha256(large)}), third);
  expect_fetched(large, third);
  expect_hit(large, third);
  expect_hit(large, team);
  store_manifest(manifest_naming({sha256(large)}), stranger);
  expect_fetched(large, stranger);
}

/// An object that an older version has stored and linked.
TEST_F(OriginsTest, OlderObjectIsServedUnderOlderLinksOnly) {
  store(small, team);
  store_manifest(manifest_naming({sha256("x")}), team);
  executor.run();
  cache.reset();
  {
    RocksIndex rocks(Layout(options.directory).index(), options.max_size, metrics);
    const std::string unnoted(Origins::unnoted_name);
    rocks.put_blob(sha256(small), {small.size(), clock.wall(), true, unnoted}, small);
    rocks.put_links({link_key(team, sha256(small)), link_key(third, sha256(small))},
                    {LinkRecord::Proof::upstream, clock.wall(), /*earlier=*/true});
  }
  open();
  expect_hit(small, team);
  expect_hit(small, third);
  store_manifest(manifest_naming({sha256(small)}), stranger);
  expect_fetched(small, stranger);
  open();
  expect_hit(small, team);
  clock.advance(std::chrono::seconds(61));
  ask_blob(sha256(small), team);
  ASSERT_TRUE(last().request.head);  // the renewed link still is the older one
  last().answer(small);
  executor.run();
  expect_hit(small, team);
}

TEST_F(OriginsTest, ObjectOpenToAllNeedsALinkOnly) {
  store(large, stranger);
  store_manifest(manifest_naming({sha256(large)}), team);
  expect_hit(large, team);
}

}  // namespace
}  // namespace entrepot::cache
