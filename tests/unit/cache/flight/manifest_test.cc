// SPDX-License-Identifier: Apache-2.0
// Manifests from strangers: their references, their types, their sizes.
#include "cache/content/manifest.h"

#include <string>

#include "cache/index/records.h"
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

const std::string other_type = "application/octet-stream";

TEST(ManifestReferences, EachCountsOnce) {
  const std::vector<Digest> many(1000, sha256("a"));
  const auto outline =
      parse_manifest(manifest_naming(many, R"(,"config":{"digest":")" + sha256("a").str() + "\"}"));
  ASSERT_TRUE(outline);
  EXPECT_EQ(outline->references, std::vector{sha256("a")});
}

TEST(ManifestReferences, EntriesOfAllListsTogetherAreBounded) {
  std::string entries;
  for (std::size_t i = 0; i < max_references / 2; ++i) entries += "{},";
  entries += "{}";
  const auto document = [&](const std::string& second) {
    return R"({"schemaVersion":2,"layers":[)" + entries + R"(],"manifests":[)" + second + "]}";
  };
  EXPECT_FALSE(parse_manifest(document(""))->over_limits);
  EXPECT_TRUE(parse_manifest(document(entries))->over_limits);
}

TEST(ManifestReferences, TextNeedNotBeUnicode) {
  for (const std::string text :
       {"caf\xe9", "\xff\xfe", R"(\ud83d)", R"(\uDFFF x)", R"(\\\ud800)", R"(\"\udc00\\)"}) {
    const auto outline = parse_manifest(manifest_naming(
        {sha256("a")},
        R"(,"annotations":{"t":")" + text + R"("},"mediaType":"application/vnd.a+json")"));
    ASSERT_TRUE(outline) << text;
    EXPECT_EQ(outline->references, std::vector{sha256("a")}) << text;
    EXPECT_EQ(outline->media_type, "application/vnd.a+json") << text;
  }
  EXPECT_FALSE(parse_manifest("caf\xe9"));
  EXPECT_FALSE(parse_manifest(R"({"schemaVersion":2,"layers":[],"a":"\udzzz"})"));
}

class ManifestTest : public CacheTest {
 protected:
  static std::string calling_itself(const std::string& type) {
    return R"({"schemaVersion":2,"mediaType":")" + type + R"(","layers":[]})";
  }
};

TEST_F(ManifestTest, NoManifestIsServedWithATypeThatABrowserRuns) {
  int count = 0;
  for (const std::string type :
       {"text/html", "image/svg+xml", "application/javascript", "application/xhtml+xml"}) {
    const auto number = std::to_string(++count);
    const auto bytes = calling_itself(type);
    const auto by_digest = ask_manifest(sha256(bytes));
    last().answer(bytes);
    executor.run();
    EXPECT_EQ(by_digest.answer().content->media_type, other_type) << type;
    const auto by_tag = ask_tag("tag-" + number);
    last().answer(bytes);
    executor.run();
    EXPECT_EQ(by_tag.answer().content->media_type, other_type) << type;
    const auto by_head = ask_manifest(sha256(type), repo, /*head=*/true);
    last().answer("", type);
    executor.run();
    EXPECT_EQ(by_head.answer().content->media_type, other_type) << type;
    const auto tag_head = ask_tag("head-" + number, /*head=*/true);
    last().answer("", type, sha256(bytes));
    executor.run();
    EXPECT_EQ(tag_head.answer().content->media_type, other_type) << type;
  }
}

TEST_F(ManifestTest, AnArtefactsOwnTypeStays) {
  const std::string type = "application/vnd.example.artifact.manifest.v1+json";
  const auto bytes = calling_itself(type);
  const auto asker = ask_manifest(sha256(bytes));
  last().answer(bytes);
  executor.run();
  EXPECT_EQ(asker.answer().content->media_type, type);
}

TEST(Records, TypeThatABrowserRunsIsNotServedFromAnOlderCache) {
  const WallTime now{};
  EXPECT_EQ(decode_manifest(encode(ManifestRecord{"text/html", 2, now}))->media_type, other_type);
  EXPECT_EQ(decode_tag(encode(TagRecord{sha256("x"), "text/html", 2, now}))->media_type,
            other_type);
}

/// A cache whose store pool is not its loop.
class LargeManifestTest : public CacheTest {
 protected:
  LargeManifestTest() {
    executor.run();
    cache.reset();
    cache = std::make_unique<Cache>(options, clock, metrics, store,
                                    std::vector<Cache::HomeParts>{{&executor, &source}});
  }
  ~LargeManifestTest() override {
    run_both();
    cache.reset();
  }
  void run_both() {
    for (int i = 0; i < 10; ++i) {
      executor.run();
      store.run();
    }
  }
  fakes::TimedExecutor store{clock};
  const std::string large = manifest_naming(
      {sha256("a")}, R"(,"annotations":{"x":")" + std::string(100'000, 'x') + "\"}");
};

TEST_F(LargeManifestTest, ReadsAManifestByDigestOnTheStorePool) {
  const Pending asker;
  cache->fetch_manifest(repo, sha256(large), false, executor, asker.callback());
  run_both();
  last().answer(large, oci_manifest_type);
  executor.run();
  EXPECT_FALSE(asker.answered());
  run_both();
  EXPECT_EQ(*asker.answer().content->bytes, large);
}

TEST_F(LargeManifestTest, ReadsAManifestByTagOnTheStorePool) {
  const Pending asker;
  cache->fetch_tag(repo, "latest", false, false, executor, asker.callback());
  run_both();
  last().answer(large, oci_manifest_type);
  executor.run();
  EXPECT_FALSE(asker.answered());
  run_both();
  EXPECT_EQ(*asker.answer().content->bytes, large);
}

TEST_F(LargeManifestTest, ALaterRequestJoinsDuringTheRead) {
  const Pending first, second;
  cache->fetch_manifest(repo, sha256(large), false, executor, first.callback());
  run_both();
  last().answer(large, oci_manifest_type);
  executor.run();
  cache->fetch_manifest(repo, sha256(large), false, executor, second.callback());
  run_both();
  EXPECT_EQ(*first.answer().content->bytes, large);
  EXPECT_EQ(*second.answer().content->bytes, large);
  EXPECT_EQ(source.asked.size(), 1U);
}

}  // namespace
}  // namespace entrepot::cache
