// SPDX-License-Identifier: Apache-2.0
// The size of links and tags in the index on disk: a manifest with many references that is
// requested in many repositories, and requests for unknown names.
#include <algorithm>
#include <filesystem>
#include <map>

#include "cache/index/layout.h"
#include "cache/index/rocks_index.h"
#include "cache/upkeep/cache_admin.h"
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

class LinkRecordsTest : public CacheTest {
 protected:
  void store(const std::string& bytes, RepositoryRef repository = repo) {
    ask_blob(sha256(bytes), repository);
    last().answer(bytes);
    executor.run();
  }
  void show_manifest(const std::string& manifest, RepositoryRef repository) {
    ask_manifest(sha256(manifest), repository);
    last().answer(manifest, oci_manifest_type);
    executor.run();
  }
  /// Closes the cache and counts the links in the index.
  std::size_t links_on_disk() {
    executor.run();
    cache.reset();
    std::size_t count = 0;
    {
      RocksIndex rocks(Layout(options.directory).index(), options.max_size, metrics);
      rocks.for_each_link([&count](std::string_view, const LinkRecord&) { return ++count > 0; });
    }
    open();
    return count;
  }
  std::uintmax_t bytes_of_index() const {
    std::uintmax_t bytes = 0;
    for (const auto& file : std::filesystem::directory_iterator(options.directory / "index"))
      bytes += file.file_size();
    return bytes;
  }
  static std::vector<Digest> numbered(int count) {
    std::vector<Digest> digests;
    for (int i = 0; i < count; ++i) digests.push_back(sha256(std::to_string(i)));
    return digests;
  }
};

TEST_F(LinkRecordsTest, PersistsReferenceLinksOnceRequested) {
  auto named = numbered(1000);
  const auto blob = pattern(1000);
  named.push_back(sha256(blob));
  const auto manifest = manifest_naming(named);
  for (int i = 0; i < 20; ++i)
    show_manifest(manifest, {"docker.io", "library/n" + std::to_string(i)});
  EXPECT_EQ(links_on_disk(), 20U);
  show_manifest(manifest, {"docker.io", "library/more"});
  store(blob, {"docker.io", "library/n0"});
  const RepositoryRef more{"docker.io", "library/more"};
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(cache->find_blob(more, sha256(blob)));
  executor.run();
  EXPECT_EQ(links_on_disk(), 23U);
}

TEST_F(LinkRecordsTest, FindsReferencesOfStoredManifestsAfterARestart) {
  const auto blob = pattern(1000), unasked = pattern(2000, 'b');
  store(blob);
  store(unasked);
  const auto child = manifest_naming({sha256(unasked)});
  show_manifest(child, repo);
  show_manifest(manifest_naming({sha256(blob), sha256(child)}), other);
  open();
  const auto asked = source.asked.size();
  for (const auto& bytes : {blob, unasked})
    EXPECT_EQ(read(*ask_blob(sha256(bytes), other).answer().content), bytes);
  EXPECT_EQ(source.asked.size(), asked);
  const RepositoryRef third{"ghcr.io", "third/thing"};
  ask_blob(sha256(blob), third);
  EXPECT_EQ(source.asked.size(), asked + 1) << "only the upstream knows";
}

TEST_F(LinkRecordsTest, ExpiresReferenceLinksOfRestrictedManifests) {
  const RepositoryRef team{"private", "team/app"};
  const auto blob = pattern(1000);
  store(blob);
  show_manifest(manifest_naming({sha256(blob)}), team);
  EXPECT_TRUE(cache->find_blob(team, sha256(blob)));
  clock.advance(std::chrono::seconds(61));
  open();
  ask_blob(sha256(blob), team);
  EXPECT_TRUE(last().request.head);
  EXPECT_EQ(last().request.upstream, team.upstream);
}

TEST_F(LinkRecordsTest, ErasesTheOldestLinksAboveTheirShare) {
  // 2.6 MB of links, of which 1 MiB may stay; those of repository n<i> are i hours old.
  constexpr int repositories = 8, each = 5000;
  const auto digests = numbered(each);
  const auto name = [](int i) { return "library/n" + std::to_string(i); };
  executor.run();
  cache.reset();
  {
    RocksIndex rocks(Layout(options.directory).index(), options.max_size, metrics);
    for (int i = 0; i < repositories; ++i) {
      std::vector<std::string> keys;
      for (const auto& digest : digests) keys.push_back(link_key({"docker.io", name(i)}, digest));
      ASSERT_TRUE(rocks.put_links(keys, {.proven_at = clock.wall() - std::chrono::hours(i)}));
    }
  }
  options.max_size = 16 << 20;
  options.pins = {name(repositories - 1)};
  open();
  executor.run();
  cache.reset();
  std::map<std::string, int> left;
  std::uint64_t bytes = 0;
  {
    RocksIndex rocks(Layout(options.directory).index(), options.max_size, metrics);
    rocks.for_each_link([&](std::string_view key, const LinkRecord& record) {
      ++left[std::string(parse_link_key(key)->repository.name)];
      bytes += key.size() + encode(record).size();
      return true;
    });
  }
  open();
  EXPECT_LE(bytes, std::uint64_t{1} << 20);
  EXPECT_GE(bytes, std::uint64_t{800} << 10) << "no more than needed";
  EXPECT_EQ(left[name(0)], each);
  EXPECT_LT(left[name(1)], each);
  EXPECT_GT(left[name(1)], 0) << "as many of the last hour as needed";
  for (int i = 2; i < repositories - 1; ++i) EXPECT_EQ(left[name(i)], 0) << i;
  EXPECT_EQ(left[name(repositories - 1)], each) << "links of a pinned repository stay";
}

TEST_F(LinkRecordsTest, SparesReferencesOfPinnedRepositories) {
  const auto blob = pattern(1000);
  store(blob);
  show_manifest(manifest_naming({sha256(blob)}), other);
  options.pins = {"some/*"};
  open();
  executor.run();
  const auto page = cache->admin().list({}, 10);
  ASSERT_EQ(page.objects.size(), 2U);
  for (const auto& object : page.objects) {
    EXPECT_TRUE(object.pinned) << object.digest.str();
    EXPECT_TRUE(std::ranges::count(object.repositories, "ghcr.io/some/thing") == 1);
  }
}

TEST_F(LinkRecordsTest, ErasingAbsentRecordsWritesNothing) {
  ask_tag("warm-up");
  last().fail(FailureKind::not_found);
  executor.run();
  const auto before = bytes_of_index();
  for (int i = 0; i < 100; ++i) {
    ask_tag("none-" + std::to_string(i));
    last().fail(FailureKind::not_found);
    executor.run();
    ask_blob(sha256(std::to_string(i)));
    last().fail(FailureKind::not_found);
    executor.run();
    ask_manifest(sha256(std::to_string(i)));
    last().fail(FailureKind::not_found);
    executor.run();
  }
  EXPECT_EQ(bytes_of_index(), before);
}

}  // namespace
}  // namespace entrepot::cache
