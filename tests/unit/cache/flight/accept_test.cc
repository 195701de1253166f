// SPDX-License-Identifier: Apache-2.0
// Registries that select manifests by Accept: the answer for one client's types is not the answer
// for another's.
#include <string>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

const std::string artifact_type = "application/vnd.example.own.v1+json";
const std::string foreign_type = "application/vnd.example.other.v1+json";

class AcceptTest : public CacheTest {
 protected:
  Requester with(const std::string& accept) {
    Requester requester{executor};
    requester.accept = accept;
    return requester;
  }
  Pending tag(const std::string& accept, bool head = false) {
    const Pending pending;
    cache->fetch_tag(repo, "latest", head, false, with(accept), pending.callback());
    return pending;
  }
  Pending by_digest(const std::string& accept, bool head = false, RepositoryRef repository = repo) {
    const Pending pending;
    cache->fetch_manifest(repository, sha256(manifest), head, with(accept), pending.callback());
    return pending;
  }
  void refuse(int status = 404) {
    Failure failure{status == 404 ? FailureKind::not_found : FailureKind::bad_upstream, "scripted"};
    failure.status = status;
    last().done(failure);
    executor.run();
  }
  const std::string manifest = R"({"schemaVersion":2,"mediaType":")" + artifact_type + R"("})";
};

TEST_F(AcceptTest, ANegativeEntryHoldsForTheSameTypes) {
  for (const bool by_tag : {true, false}) {
    const auto ask = [&](const std::string& accept) {
      const Pending pending = by_tag ? tag(accept) : by_digest(accept);
      executor.run();
      return pending;
    };
    ask("");
    refuse();
    const auto asked = source.asked.size();
    EXPECT_EQ(to_string(ask("").answer().reason), "negative");
    EXPECT_EQ(source.asked.size(), asked);
    EXPECT_FALSE(ask(artifact_type).answered());
    EXPECT_EQ(source.asked.size(), asked + 1);
    EXPECT_EQ(last().request.accept, artifact_type);
    refuse();
    EXPECT_EQ(to_string(ask(artifact_type).answer().reason), "negative");
  }
}

TEST_F(AcceptTest, AClientThatJoinedWithOtherTypesIsRetried) {
  for (const bool by_tag : {true, false}) {
    for (const int status : {404, 406}) {
      clock.advance(std::chrono::seconds(60));
      const auto ask = [&](const std::string& accept) {
        return by_tag ? tag(accept) : by_digest(accept);
      };
      const auto first = ask("");
      const auto same = ask("");
      const auto joined = ask(artifact_type);
      executor.run();
      const auto asked = source.asked.size();
      refuse(status);
      EXPECT_EQ(first.answer().failure.status, status);
      EXPECT_EQ(same.answer().failure.status, status);
      EXPECT_FALSE(joined.answered());
      ASSERT_EQ(source.asked.size(), asked + 1);
      EXPECT_EQ(last().request.accept, artifact_type);
      refuse(status);
      EXPECT_EQ(joined.answer().failure.status, status);
    }
  }
}

TEST_F(AcceptTest, AClientWithoutTypesOfItsOwnAcceptsTheAnswerToMore) {
  const auto first = tag(artifact_type);
  const auto joined = tag("");
  executor.run();
  refuse();
  EXPECT_TRUE(first.answered());
  EXPECT_TRUE(joined.answered());
  EXPECT_EQ(source.asked.size(), 1U);
}

TEST_F(AcceptTest, ACheckOfATagAcceptsItsKnownType) {
  tag(artifact_type);
  executor.run();
  last().answer(manifest, artifact_type, sha256(manifest));
  executor.run();
  clock.advance(std::chrono::seconds(61));
  tag("");
  executor.run();
  EXPECT_EQ(last().request.accept, artifact_type);
  last().answer(manifest, artifact_type, sha256(manifest));
  executor.run();
  clock.advance(std::chrono::seconds(61));
  tag(foreign_type);
  executor.run();
  EXPECT_EQ(last().request.accept, foreign_type + ", " + artifact_type);
}

TEST_F(AcceptTest, ALinkProofAcceptsTheTypeOfTheStoredManifest) {
  by_digest(artifact_type);
  executor.run();
  last().answer(manifest, artifact_type, sha256(manifest));
  executor.run();
  by_digest("", /*head=*/false, RepositoryRef{"docker.io", "library/other"});
  executor.run();
  EXPECT_TRUE(last().request.head);
  EXPECT_EQ(last().request.accept, artifact_type);
}

}  // namespace
}  // namespace entrepot::cache
