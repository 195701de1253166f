// SPDX-License-Identifier: Apache-2.0
// Registries that have manifests by tag only: a digest is requested by a tag that names it.
#include "cache/flight/tag_fallback.h"

#include <string>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

class TagFallbackTest : public CacheTest {
 protected:
  /// Resolves the tag by HEAD, as containerd does.
  void resolve(const std::string& text) {
    ask_tag("latest", /*head=*/true);
    last().answer(text, oci_manifest_type, sha256(text));
    executor.run();
  }
  void refuse(FailureKind kind, int status) {
    Failure failure{kind, "scripted"};
    failure.status = status;
    last().done(failure);
    executor.run();
  }
  bool asked_by_tag() { return !last().request.head && last().request.reference == "latest"; }

  const std::string manifest = manifest_naming({sha256("layer")});
  const std::string moved = manifest_naming({sha256("other layer")});
};

TEST_F(TagFallbackTest, AManifestThatIsRefusedByDigestIsRequestedByTag) {
  const struct {
    FailureKind kind;
    int status;
  } refusals[] = {{FailureKind::not_found, 404},
                  {FailureKind::bad_upstream, 400},
                  {FailureKind::bad_upstream, 405}};
  for (const auto& refusal : refusals) {
    for (const bool head : {false, true}) {
      clock.advance(std::chrono::hours(24 * 30));
      const std::string text =
          manifest_naming({sha256("layer")}, ",\"n\":" + std::to_string(source.asked.size()));
      resolve(text);
      const auto asker = ask_manifest(sha256(text), repo, head);
      refuse(refusal.kind, refusal.status);
      // The tag has linked the digest: a proof that fails without an answer is repeated once.
      if (head && refusal.kind != FailureKind::not_found) refuse(refusal.kind, refusal.status);
      ASSERT_TRUE(asked_by_tag()) << refusal.status << head;
      last().answer(text, oci_manifest_type, sha256(text));
      executor.run();
      ASSERT_TRUE(asker.answer().content);
      EXPECT_EQ(asker.answer().content->digest, sha256(text));
      EXPECT_TRUE(cache->find_manifest(repo, sha256(text)));
    }
  }
}

TEST_F(TagFallbackTest, TheFailureByDigestStandsIfTheTagNamesAnother) {
  resolve(manifest);
  const auto asker = ask_manifest(sha256(manifest));
  refuse(FailureKind::not_found, 404);
  last().answer(moved, oci_manifest_type, sha256(moved));
  executor.run();
  EXPECT_FALSE(asker.answer().content);
  EXPECT_EQ(asker.answer().failure.kind, FailureKind::not_found);
  // The table knows the new digest: the old one has no tag.
  const auto asked = source.asked.size();
  EXPECT_TRUE(ask_manifest(sha256(manifest)).answered());
  EXPECT_EQ(source.asked.size(), asked);
}

TEST_F(TagFallbackTest, OtherFailuresAreAnswers) {
  resolve(manifest);
  for (const auto& [kind, status] : {std::pair(FailureKind::denied, 403),
                                     {FailureKind::unavailable, 503},
                                     {FailureKind::rate_limited, 429},
                                     {FailureKind::bad_upstream, 508}}) {
    const auto asker = ask_manifest(sha256(manifest));
    refuse(kind, status);
    EXPECT_EQ(asker.answer().failure.status, status);
  }
}

TEST_F(TagFallbackTest, ABlobAndAnotherRepositoryHaveNoTag) {
  resolve(manifest);
  const auto blob = ask_blob(sha256(manifest));
  refuse(FailureKind::not_found, 404);
  EXPECT_TRUE(blob.answered());
  const auto elsewhere = ask_manifest(sha256(manifest), other);
  refuse(FailureKind::not_found, 404);
  EXPECT_TRUE(elsewhere.answered());
}

TEST_F(TagFallbackTest, TheAnswerByTagMayBeAFailure) {
  resolve(manifest);
  const auto asker = ask_manifest(sha256(manifest));
  refuse(FailureKind::not_found, 404);
  ASSERT_TRUE(asked_by_tag());
  refuse(FailureKind::not_found, 404);
  EXPECT_EQ(asker.answer().failure.kind, FailureKind::not_found);
}

TEST_F(TagFallbackTest, ARequestByTagTurnsARunningHeadIntoGet) {
  resolve(manifest);
  const auto asker = ask_manifest(sha256(manifest));
  clock.advance(std::chrono::seconds(61));
  const auto head = ask_tag("latest", /*head=*/true);  // due: a HEAD is running
  ASSERT_TRUE(last().request.head);
  auto& running = last();
  const auto place = source.asked.size() - 1;
  source.asked[place - 1].done(Failure{FailureKind::not_found, "scripted"});
  executor.run();
  ASSERT_EQ(source.asked.size(), place + 1) << "it joins the HEAD";
  running.answer(manifest, oci_manifest_type, sha256(manifest));
  executor.run();
  ASSERT_TRUE(asked_by_tag());
  last().answer(manifest, oci_manifest_type, sha256(manifest));
  executor.run();
  EXPECT_TRUE(head.answer().content);
  ASSERT_TRUE(asker.answer().content);
  EXPECT_EQ(*asker.answer().content->bytes, manifest);
}

}  // namespace
}  // namespace entrepot::cache
