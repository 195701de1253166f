// SPDX-License-Identifier: Apache-2.0
// A failure that is due to the Via of one client fails the request of that client alone.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

const std::string long_via = "1.1 a, 1.1 b, 1.1 c";

class ViaTest : public CacheTest {
 protected:
  using Ask = std::function<void(const Requester&, const Pending&)>;

  /// The requests of all clients, in this order, before the upstream answers.
  std::vector<Pending> ask(const Ask& ask, const std::vector<std::string>& vias) {
    std::vector<Pending> pending(vias.size());
    for (std::size_t i = 0; i < vias.size(); ++i) ask(Requester{executor, vias[i]}, pending[i]);
    executor.run();
    return pending;
  }
  Ask blob(bool head = false) {
    return [this, head](const Requester& asker, const Pending& pending) {
      cache->fetch_blob(repo, sha256("layer"), head, asker, pending.callback());
    };
  }
  Ask manifest() {
    return [this](const Requester& asker, const Pending& pending) {
      cache->fetch_manifest(repo, sha256(manifest_text), false, asker, pending.callback());
    };
  }
  Ask tag() {
    return [this](const Requester& asker, const Pending& pending) {
      cache->fetch_tag(repo, "latest", false, false, asker, pending.callback());
    };
  }
  void refuse(int status) {
    Failure failure{FailureKind::bad_upstream, "scripted"};
    failure.status = status;
    last().done(failure);
    executor.run();
  }
  static int status_of(const Pending& pending) { return pending.answer().failure.status; }

  const std::string manifest_text = manifest_naming({sha256("layer")});
};

TEST_F(ViaTest, RefusedViaIsRetriedForJoinedClients) {
  for (const int status : {508, 400, 431}) {
    for (const auto& question : {blob(), blob(/*head=*/true), manifest(), tag()}) {
      const auto pending = ask(question, {long_via, "1.1 fred", "", long_via});
      const auto asked = source.asked.size();
      EXPECT_EQ(last().request.via, long_via);
      refuse(status);
      EXPECT_EQ(status_of(pending[0]), status);
      EXPECT_EQ(status_of(pending[3]), status);
      ASSERT_EQ(source.asked.size(), asked + 1);
      EXPECT_EQ(last().request.via, "") << "the retry has no Via";
      EXPECT_FALSE(pending[1].answered());
      EXPECT_FALSE(pending[2].answered());
      refuse(status);  // it refuses the retry as well
      EXPECT_EQ(status_of(pending[1]), status);
      EXPECT_EQ(status_of(pending[2]), status);
      EXPECT_EQ(source.asked.size(), asked + 1);
    }
  }
}

TEST_F(ViaTest, TriesEachViaOnce) {
  const auto pending = ask(blob(), {"1.1 a", "1.1 b", "1.1 c", "1.1 b"});
  refuse(508);
  refuse(508);
  refuse(508);
  EXPECT_EQ(source.asked.size(), 3U);
  for (const auto& one : pending) EXPECT_EQ(status_of(one), 508);
}

TEST_F(ViaTest, OtherFailuresAnswerAllClients) {
  for (const auto& question : {blob(), manifest(), tag()}) {
    const auto pending = ask(question, {long_via, ""});
    const auto asked = source.asked.size();
    refuse(200);
    EXPECT_EQ(status_of(pending[1]), 200);
    EXPECT_EQ(source.asked.size(), asked);
  }
}

TEST_F(ViaTest, RefusedViaServesStaleToItsClientOnly) {
  ask_tag("latest");
  last().answer(manifest_text, oci_manifest_type, sha256(manifest_text));
  executor.run();
  clock.advance(std::chrono::seconds(61));
  const auto pending = ask(tag(), {long_via, ""});
  refuse(508);
  EXPECT_EQ(pending[0].answer().outcome, Outcome::stale);
  EXPECT_EQ(last().request.via, "");
  last().answer(manifest_text, oci_manifest_type, sha256(manifest_text));
  executor.run();
  EXPECT_EQ(pending[1].answer().outcome, Outcome::revalidated);
}

TEST_F(ViaTest, RefusedViaOfAListIsRetried) {
  std::vector<ListingAnswer> answers;
  const auto note = [&](ListingAnswer answer) { answers.push_back(std::move(answer)); };
  cache->fetch_tags(repo, Requester{executor, long_via}, note);
  cache->fetch_tags(repo, Requester{executor}, note);
  executor.run();
  ASSERT_EQ(source.listed.size(), 1U);
  Failure failure{FailureKind::bad_upstream, "scripted"};
  failure.status = 508;
  source.listed[0].sink->on_listing(std::nullopt, failure);
  executor.run();
  ASSERT_EQ(source.listed.size(), 2U);
  ASSERT_EQ(answers.size(), 1U);
  Listing listing;
  listing.tags = "a\n";
  source.listed[1].answer(std::move(listing));
  executor.run();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[1].outcome, Outcome::miss);
}

}  // namespace
}  // namespace entrepot::cache
