// SPDX-License-Identifier: Apache-2.0
// Tags: fresh, checked ahead of time, due.
#include "tests/unit/cache/flight/tag_fixture.h"

namespace entrepot::cache {
namespace {

using std::chrono::seconds;

TEST_F(TagTest, ARequestLearnsWhatHappensToTheCheckAndToTheManifest) {
  Requester requester = executor;
  requester.work = std::make_shared<WorkForRequest>();
  source.few_left = true;  // so that HEAD comes first
  cache->fetch_tag(repo, "latest", false, false, requester, [](const Answer&) {});
  executor.run();
  ASSERT_TRUE(last().request.head);
  last().request.record->resumed();
  last().answer(manifest, oci_manifest_type, sha256(manifest));
  executor.run();
  ASSERT_EQ(source.asked.size(), 2U);
  last().request.record->resumed();
  EXPECT_EQ(requester.work->sum({}).resumes, 2U);
}

TEST_F(TagTest, ColdGetIsOneRequestByTag) {
  const auto asker = ask_tag("latest");
  ASSERT_EQ(source.asked.size(), 1U);
  EXPECT_FALSE(last().request.head);
  EXPECT_EQ(last().request.reference, "latest");
  last().answer(manifest, oci_manifest_type);
  executor.run();
  EXPECT_EQ(*asker.answer().content->bytes, manifest);
  EXPECT_EQ(asker.answer().content->media_type, oci_manifest_type);
  EXPECT_EQ(asker.answer().content->digest, sha256(manifest));
  EXPECT_EQ(asker.answer().outcome, Outcome::miss);
}

TEST_F(TagTest, ColdHeadIsOneHead) {
  const auto asker = ask_tag("latest", /*head=*/true);
  ASSERT_TRUE(last().request.head);
  last().answer(manifest, oci_manifest_type, sha256(manifest));
  executor.run();
  EXPECT_EQ(asker.answer().content->size, manifest.size());
  EXPECT_EQ(source.asked.size(), 1U);
  // A GET by the announced digest sends no second request for the tag.
  ask_manifest(sha256(manifest));
  EXPECT_EQ(last().request.reference, sha256(manifest).str());
}

TEST_F(TagTest, HeadWithoutDigestFallsBackToGet) {
  const auto asker = ask_tag("latest", /*head=*/true);
  last().answer(manifest, oci_manifest_type);
  executor.run();
  ASSERT_EQ(source.asked.size(), 2U);
  EXPECT_FALSE(last().request.head);
  last().answer(manifest, oci_manifest_type);
  executor.run();
  EXPECT_EQ(asker.answer().content->digest, sha256(manifest));
}

TEST_F(TagTest, FreshTagIsAHitFromMemoryWithItsAge) {
  pull();
  clock.advance(seconds(30));
  const auto found = cache->find_tag(repo, "latest");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->age, seconds(30));
  EXPECT_EQ(*found->content->bytes, manifest);
}

TEST_F(TagTest, ManifestOfATagIsAHitByDigestAndItsLayersAreLinked) {
  pull();
  EXPECT_TRUE(cache->find_manifest(repo, sha256(manifest)));
  ask_blob(sha256("layer"));
  last().answer("layer");
  executor.run();
  EXPECT_TRUE(cache->find_blob(repo, sha256("layer")));
}

TEST_F(TagTest, TagInUseIsCheckedAheadOfTimeInTheBackground) {
  pull();
  clock.advance(seconds(50));
  EXPECT_FALSE(cache->find_tag(repo, "latest"));
  const auto asker = ask_tag("latest");
  EXPECT_EQ(asker.answer().outcome, Outcome::hit);
  ASSERT_EQ(source.asked.size(), 2U);
  EXPECT_TRUE(last().request.head);
  ask_tag("latest");
  EXPECT_EQ(source.asked.size(), 2U);  // one check for all
  last().answer(manifest, oci_manifest_type, sha256(manifest));
  executor.run();
  EXPECT_EQ(cache->find_tag(repo, "latest")->age, seconds(0));
}

TEST_F(TagTest, DueTagWaitsForOneHead) {
  pull();
  clock.advance(seconds(61));
  const auto asker = ask_tag("latest");
  EXPECT_FALSE(asker.answered());
  EXPECT_TRUE(last().request.head);
  last().answer(manifest, oci_manifest_type, sha256(manifest));
  executor.run();
  EXPECT_EQ(asker.answer().outcome, Outcome::revalidated);
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(TagTest, MovedTagFetchesTheNewManifest) {
  pull();
  clock.advance(seconds(61));
  const auto asker = ask_tag("latest");
  last().answer(moved, oci_manifest_type, sha256(moved));
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_FALSE(last().request.head);
  EXPECT_EQ(last().request.reference, "latest");
  last().answer(moved, oci_manifest_type);
  executor.run();
  EXPECT_EQ(*asker.answer().content->bytes, moved);
  EXPECT_EQ(asker.answer().outcome, Outcome::miss);
  EXPECT_EQ(*cache->find_tag(repo, "latest")->content->bytes, moved);
}

TEST_F(TagTest, MovedTagWithoutItsManifestServesTheOldOne) {
  pull();
  clock.advance(seconds(61));
  const auto asker = ask_tag("latest");
  last().answer(moved, oci_manifest_type, sha256(moved));
  executor.run();
  last().fail(FailureKind::rate_limited);
  executor.run();
  EXPECT_EQ(asker.answer().outcome, Outcome::stale);
  EXPECT_EQ(*asker.answer().content->bytes, manifest);
}

TEST_F(TagTest, MovedTagWithAStoredManifestNeedsNoTransfer) {
  pull();
  ask_manifest(sha256(moved));
  last().answer(moved, oci_manifest_type);
  executor.run();
  clock.advance(seconds(61));
  const auto asked = source.asked.size();
  const auto asker = ask_tag("latest");
  last().answer(moved, oci_manifest_type, sha256(moved));
  executor.run();
  EXPECT_EQ(source.asked.size(), asked + 1) << "one HEAD";
  EXPECT_EQ(*asker.answer().content->bytes, moved);
}

TEST_F(TagTest, HeadOfAMovedTagFetchesNoManifest) {
  pull();
  clock.advance(seconds(61));
  const auto asker = ask_tag("latest", /*head=*/true);
  last().answer(moved, oci_manifest_type, sha256(moved));
  executor.run();
  EXPECT_EQ(source.asked.size(), 2U);
  EXPECT_EQ(asker.answer().content->digest, sha256(moved));
}

TEST_F(TagTest, ChecksAnUnknownTagByHeadIfFewRequestsAreLeft) {
  pull();
  source.few_left = true;
  const auto known = ask_tag("v1");
  EXPECT_TRUE(last().request.head);
  last().answer(manifest, oci_manifest_type, sha256(manifest));
  executor.run();
  EXPECT_EQ(source.asked.size(), 2U) << "its manifest is stored under another tag";
  EXPECT_EQ(*known.answer().content->bytes, manifest);

  const auto unknown = ask_tag("v2");
  last().answer(moved, oci_manifest_type, sha256(moved));
  executor.run();
  ASSERT_EQ(source.asked.size(), 4U);
  EXPECT_FALSE(last().request.head);
  EXPECT_EQ(last().request.reference, sha256(moved).str());
  last().answer(moved, oci_manifest_type);
  executor.run();
  EXPECT_EQ(*unknown.answer().content->bytes, moved);
}

TEST_F(TagTest, TagIsFreshTenTimesAsLongIfFewRequestsAreLeft) {
  pull();
  source.few_left = true;
  clock.advance(seconds(50));
  EXPECT_EQ(ask_tag("latest").answer().outcome, Outcome::hit);
  clock.advance(seconds(549));
  const auto stale = ask_tag("latest");
  EXPECT_EQ(stale.answer().outcome, Outcome::stale);
  EXPECT_EQ(to_string(stale.answer().reason), "rate-limit-low");
  EXPECT_EQ(source.asked.size(), 1U) << "no check in the background";
  clock.advance(seconds(1));
  ask_tag("latest");
  ASSERT_EQ(source.asked.size(), 2U);
  EXPECT_TRUE(last().request.head);
}

TEST_F(TagTest, CheckAheadOfTimeHasBackgroundDemand) {
  ask_tag("latest");
  EXPECT_EQ(last().request.demand->level(), Demand::Level::awaited);
  last().answer(manifest, oci_manifest_type);
  executor.run();
  clock.advance(seconds(50));
  ask_tag("latest");
  EXPECT_EQ(last().request.demand->level(), Demand::Level::background);
  last().answer(manifest, oci_manifest_type, sha256(manifest));
  executor.run();
  clock.advance(seconds(61));
  ask_tag("latest");
  EXPECT_EQ(last().request.demand->level(), Demand::Level::awaited);
}

TEST_F(TagTest, RequestCarriesTheViaOfItsFirstClient) {
  const Pending pending;
  cache->fetch_tag(repo, "latest", false, false, Requester{executor, "1.1 fred"},
                   pending.callback());
  executor.run();
  EXPECT_EQ(last().request.via, "1.1 fred");
  const Pending blob;
  cache->fetch_blob(repo, sha256("layer"), false, Requester{executor, "1.1 wilma"},
                    blob.callback());
  executor.run();
  EXPECT_EQ(last().request.via, "1.1 wilma");
  const Pending head;
  cache->fetch_blob(repo, sha256("other"), true, Requester{executor, "1.1 barney"},
                    head.callback());
  executor.run();
  EXPECT_EQ(last().request.via, "1.1 barney");
}

TEST_F(TagTest, TagAndManifestSurviveReopening) {
  pull();
  open();
  const auto asker = ask_tag("latest");
  ASSERT_TRUE(asker.answered());
  EXPECT_EQ(asker.answer().outcome, Outcome::hit);
  EXPECT_EQ(*asker.answer().content->bytes, manifest);
  EXPECT_EQ(source.asked.size(), 1U);
}

TEST_F(TagTest, RulesChooseHowLongATagIsFresh) {
  options.upstreams["docker.io"].tags.rules = {{"^v[0-9]+$", std::chrono::hours(24)}};
  open();
  pull("v1");
  pull("latest");
  clock.advance(std::chrono::hours(2));
  EXPECT_TRUE(cache->find_tag(repo, "v1"));
  EXPECT_FALSE(cache->find_tag(repo, "latest"));
}

TEST_F(TagTest, ForcedRevalidationSendsOneRequestPerSecondAtMost) {
  pull();
  const auto asker = ask_tag("latest", false, /*revalidate=*/true);
  ASSERT_EQ(source.asked.size(), 2U);
  last().answer(manifest, oci_manifest_type, sha256(manifest));
  executor.run();
  EXPECT_EQ(asker.answer().outcome, Outcome::revalidated);
  EXPECT_EQ(ask_tag("latest", false, /*revalidate=*/true).answer().outcome, Outcome::hit);
  EXPECT_EQ(source.asked.size(), 2U);
  clock.advance(seconds(1));
  ask_tag("latest", false, /*revalidate=*/true);
  EXPECT_EQ(source.asked.size(), 3U);
}

TEST_F(TagTest, RejectsBodiesThatAreNoManifest) {
  for (const std::string_view body :
       {"<html>log in</html>", "[]", "{}", R"({"errors":[{"code":"DENIED"}]})", ""}) {
    const auto asker = ask_tag("t" + std::to_string(body.size()));
    last().answer(body, "text/html");
    executor.run();
    EXPECT_EQ(asker.answer().failure.kind, FailureKind::bad_upstream) << body;
  }
}

TEST_F(TagTest, RejectsAManifestThatContradictsItsType) {
  const auto asker = ask_tag("latest");
  last().answer(manifest, "application/vnd.oci.image.index.v1+json");
  executor.run();
  EXPECT_EQ(asker.answer().failure.kind, FailureKind::bad_upstream);
}

TEST_F(TagTest, RejectsAWrongDigestHeader) {
  const auto asker = ask_tag("latest");
  last().answer(manifest, oci_manifest_type, sha256("something else"));
  executor.run();
  EXPECT_EQ(asker.answer().failure.kind, FailureKind::bad_upstream);
  EXPECT_EQ(source.mismatches, 1);
}

TEST_F(TagTest, MissingTypeIsReadFromTheManifest) {
  const auto asker = ask_tag("latest");
  last().answer(manifest, "");
  executor.run();
  EXPECT_EQ(asker.answer().content->media_type, oci_manifest_type);
}

TEST_F(TagTest, ClockThatWentBackALittleLeavesTheTagFresh) {
  pull();
  clock.set_wall_back(seconds(4));
  const auto found = cache->find_tag(repo, "latest");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->age, seconds(0));
}

TEST_F(TagTest, ClockThatWentBackMuchLeavesTheTagDue) {
  pull();
  clock.set_wall_back(std::chrono::hours(1));
  EXPECT_FALSE(cache->find_tag(repo, "latest")) << "its age is unknown";
}

}  // namespace
}  // namespace entrepot::cache
