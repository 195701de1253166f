// SPDX-License-Identifier: Apache-2.0
// Tags whose check fails: stale, or gone.
#include "tests/unit/cache/flight/tag_fixture.h"

namespace entrepot::cache {
namespace {

using std::chrono::seconds;

class StaleTagTest : public TagTest {};

TEST_F(StaleTagTest, ServesStaleIfTheUpstreamIsUnreachable) {
  for (const auto kind :
       {FailureKind::unavailable, FailureKind::rate_limited, FailureKind::bad_upstream}) {
    const std::string tag = "t" + std::to_string(static_cast<int>(kind));
    pull(tag);
    clock.advance(seconds(61));
    const auto asker = ask_tag(tag);
    last().fail(kind);
    executor.run();
    EXPECT_EQ(asker.answer().outcome, Outcome::stale) << tag;
    EXPECT_EQ(*asker.answer().content->bytes, manifest);
  }
}

TEST_F(StaleTagTest, AfterAFailedCheckNoClientWaitsForTheNext) {
  pull();
  clock.advance(seconds(61));
  ask_tag("latest");
  last().fail(FailureKind::unavailable);
  executor.run();
  EXPECT_EQ(ask_tag("latest").answer().outcome, Outcome::stale);
  EXPECT_EQ(source.asked.size(), 2U);
  clock.advance(seconds(6));
  EXPECT_EQ(ask_tag("latest").answer().outcome, Outcome::stale);
  ASSERT_EQ(source.asked.size(), 3U);  // in the background
  last().answer(manifest, oci_manifest_type, sha256(manifest));
  executor.run();
  EXPECT_TRUE(cache->find_tag(repo, "latest"));
}

TEST_F(StaleTagTest, ServesStaleIfTheUpstreamIsSlow) {
  pull();
  clock.advance(seconds(61));
  const auto asker = ask_tag("latest");
  executor.pass(seconds(3));
  EXPECT_EQ(asker.answer().outcome, Outcome::stale);
  EXPECT_EQ(ask_tag("latest").answer().outcome, Outcome::stale);
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(StaleTagTest, DefinitiveFailuresAreServedAndRemoveTheTag) {
  for (const auto kind : {FailureKind::not_found, FailureKind::denied}) {
    const std::string tag = "t" + std::to_string(static_cast<int>(kind));
    pull(tag);
    clock.advance(seconds(61));
    const auto asker = ask_tag(tag);
    last().fail(kind);
    executor.run();
    EXPECT_EQ(asker.answer().content, nullptr) << tag;
    EXPECT_EQ(asker.answer().failure.kind, kind);
    if (kind == FailureKind::not_found) {
      const auto asked = source.asked.size();
      EXPECT_EQ(ask_tag(tag).answer().failure.kind, kind);
      EXPECT_EQ(source.asked.size(), asked);  // a negative entry answers for a while
    } else {
      const auto once_more = ask_tag(tag);  // other credentials may be accepted
      EXPECT_FALSE(once_more.answered());
      last().fail(kind);
      executor.run();
      EXPECT_EQ(once_more.answer().failure.kind, kind);
    }
    open();
    const auto again = ask_tag(tag);
    EXPECT_FALSE(again.answered());  // not resurrected from disk
    last().fail(FailureKind::unavailable);
    executor.run();
    EXPECT_EQ(again.answer().content, nullptr);
  }
}

TEST_F(StaleTagTest, AFailureThatNotEveryEndpointConfirmsKeepsTheTag) {
  pull();
  clock.advance(seconds(61));
  const auto asker = ask_tag("latest");
  Failure failure{FailureKind::not_found, "scripted"};
  failure.doubtful = true;
  last().done(failure);
  executor.run();
  EXPECT_EQ(asker.answer().outcome, Outcome::stale);
  open();  // reads the tag from the disk
  const auto again = ask_tag("latest");
  last().fail(FailureKind::unavailable);
  executor.run();
  EXPECT_EQ(again.answer().outcome, Outcome::stale);
}

TEST_F(StaleTagTest, DoesNotServeATagThatIsTooOld) {
  pull();
  clock.advance(std::chrono::days(7) + seconds(61));
  const auto asker = ask_tag("latest");
  last().fail(FailureKind::unavailable);
  executor.run();
  EXPECT_EQ(asker.answer().content, nullptr);
}

}  // namespace
}  // namespace entrepot::cache
