// SPDX-License-Identifier: Apache-2.0
// A digest is not a permission: a stored blob needs a link to the repository that serves it.
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

class LinkTest : public CacheTest {
 protected:
  void store(const std::string& bytes, RepositoryRef repository = repo) {
    ask_blob(sha256(bytes), repository);
    last().answer(bytes);
    executor.run();
  }
  const std::string blob = pattern(300'000);
  static constexpr RepositoryRef secret{"private", "team/app"};
};

TEST_F(LinkTest, StoredBlobIsNotServedInARepositoryThatLacksIt) {
  store(blob);
  EXPECT_FALSE(cache->find_blob(other, sha256(blob)));
  const auto asker = ask_blob(sha256(blob), other);
  ASSERT_EQ(source.asked.size(), 2U);
  EXPECT_TRUE(last().request.head);
  EXPECT_EQ(last().request.repository, other.name);
  last().fail(FailureKind::not_found);
  executor.run();
  EXPECT_EQ(asker.answer().failure.kind, FailureKind::not_found);
}

TEST_F(LinkTest, StoresTheUpstreamsProof) {
  store(blob);
  const auto asker = ask_blob(sha256(blob), other);
  last().answer(blob);
  executor.run();
  EXPECT_EQ(read(*asker.answer().content), blob);
  EXPECT_EQ(asker.answer().outcome, Outcome::revalidated);
  EXPECT_TRUE(cache->find_blob(other, sha256(blob)));
  open();
  EXPECT_EQ(ask_blob(sha256(blob), other).answer().outcome, Outcome::hit);
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(LinkTest, UnreachableUpstreamProvesNothing) {
  store(blob);
  const auto asker = ask_blob(sha256(blob), other);
  last().fail(FailureKind::unavailable);
  executor.run();
  EXPECT_EQ(asker.answer().content, nullptr);
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(LinkTest, ConcurrentRequestsShareOneProof) {
  store(blob);
  for (int i = 0; i < 10; ++i) ask_blob(sha256(blob), other);
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(LinkTest, ManifestVisibleInARepositoryLinksItsReferences) {
  store(blob);
  const auto manifest = manifest_naming({sha256(blob)});
  ask_manifest(sha256(manifest), other);
  last().answer(manifest, oci_manifest_type);
  executor.run();
  EXPECT_TRUE(cache->find_blob(other, sha256(blob)));
}

TEST_F(LinkTest, ForeignLayersAreNotLinked) {
  store(blob);
  const std::string manifest =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[)"
      R"({"size":1,"digest":")" +
      sha256(blob).str() + R"(","urls":["http://example.com/layer"]}]})";
  ask_manifest(sha256(manifest), other);
  last().answer(manifest, oci_manifest_type);
  executor.run();
  EXPECT_FALSE(cache->find_blob(other, sha256(blob)));
}

TEST_F(LinkTest, StoredManifestLinksItsReferencesInEachOfItsRepositories) {
  store(blob);
  const auto manifest = manifest_naming({sha256(blob)});
  ask_manifest(sha256(manifest));
  last().answer(manifest, oci_manifest_type);
  executor.run();
  ask_manifest(sha256(manifest), other);
  ASSERT_TRUE(last().request.head);
  last().answer(manifest, oci_manifest_type);
  executor.run();
  EXPECT_TRUE(cache->find_blob(other, sha256(blob)));
}

TEST_F(LinkTest, AnArrivingManifestLinksItsReferencesInEachRepositoryThatWaitsForIt) {
  store(blob);
  const auto manifest = manifest_naming({sha256(blob)});
  ask_manifest(sha256(manifest), other, /*head=*/true);
  last().head(manifest.size(), oci_manifest_type);
  last().done();
  executor.run();
  const auto first = ask_manifest(sha256(manifest));
  const auto second = ask_manifest(sha256(manifest), other);
  ASSERT_EQ(source.asked.size(), 3U) << "the second request joins the first";
  last().answer(manifest, oci_manifest_type);
  executor.run();
  ASSERT_TRUE(first.answered() && second.answered());
  EXPECT_TRUE(cache->find_blob(other, sha256(blob)));
}

TEST_F(LinkTest, FlightOfAnotherRepositoryIsJoinedOnlyAfterProof) {
  const auto first = ask_blob(sha256(blob));
  last().head(blob.size());
  executor.run();
  const auto second = ask_blob(sha256(blob), other);
  EXPECT_FALSE(second.answered());
  ASSERT_EQ(source.asked.size(), 2U);
  last().answer(blob);  // the proof
  executor.run();
  ASSERT_TRUE(second.answered());
  EXPECT_EQ(second.answer().content->progress, first.answer().content->progress);
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(LinkTest, WaiterOfAnotherRepositoryGetsItsOwnAnswerWhenTheFlightIsNotFound) {
  ask_blob(sha256(blob));
  const auto second = ask_blob(sha256(blob), other);
  source.asked[1].answer(blob);  // proves it for the second, which joins the flight
  executor.run();
  source.asked[0].fail(FailureKind::not_found);
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_EQ(last().request.repository, other.name);
  last().answer(blob);
  executor.run();
  EXPECT_EQ(read(*second.answer().content), blob);
}

TEST_F(LinkTest, RestrictedProofsExpireAndAreRequestedAgain) {
  store(blob, secret);
  EXPECT_TRUE(cache->find_blob(secret, sha256(blob)));
  clock.advance(std::chrono::seconds(61));
  EXPECT_FALSE(cache->find_blob(secret, sha256(blob)));
  const auto asker = ask_blob(sha256(blob), secret);
  ASSERT_TRUE(last().request.head);
  last().fail(FailureKind::denied);
  executor.run();
  EXPECT_EQ(asker.answer().failure.kind, FailureKind::denied);
  EXPECT_FALSE(cache->find_blob(secret, sha256(blob)));
}

TEST_F(LinkTest, RestrictedProofServesItsWaiterEvenWithoutALifetime) {
  options.upstreams["private"].tags.fresh_for = std::chrono::seconds(0);
  open();
  store(blob, secret);
  const auto asker = ask_blob(sha256(blob), secret);
  ASSERT_EQ(source.asked.size(), 2U);
  last().answer(blob);
  executor.run();
  EXPECT_EQ(read(*asker.answer().content), blob);
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(LinkTest, RestrictedOldProofServesWhileTheUpstreamIsUnreachable) {
  store(blob, secret);
  clock.advance(std::chrono::seconds(61));
  const auto asker = ask_blob(sha256(blob), secret);
  last().fail(FailureKind::unavailable);
  executor.run();
  EXPECT_EQ(asker.answer().outcome, Outcome::stale);
  EXPECT_EQ(read(*asker.answer().content), blob);
}

}  // namespace
}  // namespace entrepot::cache
