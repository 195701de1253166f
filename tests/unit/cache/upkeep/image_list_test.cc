// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/image_list.h"

#include <gmock/gmock.h>

#include "tests/unit/cache/storage_fixture.h"

namespace entrepot::cache {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::IsEmpty;

class ImageListTest : public StorageTest {
 protected:
  void put_tag(const std::string& repository, const std::string& tag, const Digest& digest,
               const std::string& upstream = "docker.io") {
    EXPECT_TRUE(storage.rocks.put_tag(tag_key({upstream, repository}, tag),
                                      {digest, oci_manifest_type, 10, clock.wall()}));
  }

  /// An image manifest of these blobs.
  static std::string manifest(const std::vector<Digest>& blobs) {
    std::string layers;
    for (const auto& blob : blobs)
      layers += (layers.empty() ? "" : ",") + std::string(R"({"digest":")") + blob.str() +
                R"(","size":10})";
    return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
           R"("layers":[)" +
           layers + "]}";
  }

  Digest store_index(const std::vector<Digest>& images) {
    std::string list;
    for (const auto& image : images)
      list += (list.empty() ? "" : ",") + std::string(R"({"digest":")") + image.str() +
              R"(","size":10})";
    const std::string type = "application/vnd.oci.image.index.v1+json";
    const auto bytes =
        R"({"schemaVersion":2,"mediaType":")" + type + R"(","manifests":[)" + list + "]}";
    const auto digest = sha256(bytes);
    const ManifestRecord record{type, bytes.size(), clock.wall(), "docker.io"};
    EXPECT_TRUE(storage.rocks.put_manifest(digest, record, bytes));
    storage.store.add_manifest(digest, record, true);
    return digest;
  }

  Image only(std::string_view pattern = {}) {
    auto page = list_images(storage, pattern, {}, 10);
    EXPECT_EQ(page.images.size(), 1U);
    EXPECT_EQ(page.next, std::nullopt);
    return page.images.at(0);
  }

  std::vector<std::string> names(std::string_view pattern) {
    std::vector<std::string> names;
    for (const auto& image : list_images(storage, pattern, {}, 100).images)
      names.push_back(image.repository + ":" + image.tag);
    return names;
  }
};

TEST_F(ImageListTest, AnImageIsPresent) {
  const auto one = store_blob(std::string(1000, 'a')), other = store_blob(std::string(500, 'b'));
  const auto bytes = manifest({one, other, one});
  const auto digest = store_manifest(bytes);
  put_tag("library/alpine", "3.20", digest);
  const auto image = only();
  EXPECT_EQ(image.repository, "docker.io/library/alpine");
  EXPECT_EQ(image.tag, "3.20");
  EXPECT_EQ(image.digest, digest);
  EXPECT_EQ(image.state, ImageState::present);
  EXPECT_EQ(image.bytes, 1500 + bytes.size()) << "each blob once";
  EXPECT_EQ(image.missing, 0U);
  EXPECT_EQ(image.images, 0U);
  EXPECT_EQ(image.checked_at, clock.wall());
}

TEST_F(ImageListTest, ABlobIsMissing) {
  const auto one = store_blob(std::string(1000, 'a'));
  put_tag("a", "latest", store_manifest(manifest({one, sha256("not here")})));
  const auto image = only();
  EXPECT_EQ(image.state, ImageState::partial);
  EXPECT_EQ(image.missing, 1U);
}

TEST_F(ImageListTest, TheManifestIsNotStored) {
  put_tag("a", "latest", sha256("not here"));
  const auto image = only();
  EXPECT_EQ(image.state, ImageState::absent);
  EXPECT_EQ(image.bytes, 0U);
  EXPECT_EQ(image.pulled_at, std::nullopt);
}

TEST_F(ImageListTest, AnIndexNeedsOneOfItsImages) {
  const auto blob = store_blob(std::string(1000, 'a'));
  const auto bytes = manifest({blob});
  const auto here = sha256(bytes), elsewhere = sha256("another platform");
  const auto index = store_index({here, elsewhere});
  put_tag("a", "latest", index);
  EXPECT_EQ(only().state, ImageState::partial) << "none is stored";
  EXPECT_EQ(only().images, 2U);
  store_manifest(bytes);
  EXPECT_EQ(only().state, ImageState::present);
  EXPECT_EQ(only().images_here, 1U);
  EXPECT_EQ(only().missing, 0U);
}

TEST_F(ImageListTest, AnIndexWithABegunImageIsPartial) {
  const auto blob = store_blob(std::string(1000, 'a'));
  const auto whole = store_manifest(manifest({blob}));
  const auto begun = store_manifest(manifest({blob, sha256("not here")}));
  put_tag("a", "latest", store_index({whole, begun}));
  EXPECT_EQ(only().state, ImageState::partial);
  EXPECT_EQ(only().images_here, 2U);
  EXPECT_EQ(only().missing, 1U);
}

TEST_F(ImageListTest, KnowsTheLastPull) {
  const auto stored_at = clock.wall();
  const auto digest = store_manifest(manifest({}));
  put_tag("a", "latest", digest);
  EXPECT_EQ(only().pulled_at, stored_at);
  clock.advance(hours(5));
  storage.store.set_time(clock.wall());
  EXPECT_EQ(only().pulled_at, stored_at) << "nobody asked since";
  storage.store.manifests().use(digest);
  clock.advance(hours(2));
  storage.store.set_time(clock.wall());
  const auto pulled = only().pulled_at.value();
  EXPECT_GE(pulled, stored_at + hours(5) - minutes(15));
  EXPECT_LE(pulled, stored_at + hours(5) + minutes(15));
}

TEST_F(ImageListTest, Patterns) {
  const auto digest = sha256("x");
  put_tag("library/alpine", "3.19", digest);
  put_tag("library/alpine", "3.20", digest);
  put_tag("library/alpine-git", "latest", digest);
  put_tag("acme/app", "1", digest, "ghcr.io");
  const std::string alpine = "docker.io/library/alpine:";
  EXPECT_THAT(names("alpine"), ElementsAre(alpine + "3.19", alpine + "3.20"));
  EXPECT_THAT(names("library/alpine:3.20"), ElementsAre(alpine + "3.20"));
  EXPECT_THAT(names("alpine:*20"), ElementsAre(alpine + "3.20"));
  EXPECT_THAT(names("docker.io/*:latest"), ElementsAre("docker.io/library/alpine-git:latest"));
  EXPECT_THAT(names("ghcr.io/*"), ElementsAre("ghcr.io/acme/app:1"));
  EXPECT_THAT(names("*[0-9]"), testing::SizeIs(3));
  EXPECT_THAT(names(""), testing::SizeIs(4));
  for (const char* none : {"pine", "alpine:", "docker.io", ":3.20", "[", "\\", "a/", "/"})
    EXPECT_THAT(names(none), IsEmpty()) << none;
}

TEST_F(ImageListTest, RefusesTextsThatAreNoPattern) {
  EXPECT_TRUE(is_image_pattern(""));
  EXPECT_TRUE(is_image_pattern("a*"));
  for (const std::string& text : {std::string(513, 'a'), std::string("a b"), std::string("a\n"),
                                  std::string(1, '\0'), std::string("\xff")})
    EXPECT_FALSE(is_image_pattern(text)) << text;
}

/// No pattern takes longer than a look at each tag with it should.
TEST_F(ImageListTest, HostilePatternsEnd) {
  put_tag(std::string(250, 'a'), std::string(128, 'a'), sha256("x"));
  std::string stars;
  while (stars.size() + 2 <= 510) stars += "*a";
  EXPECT_THAT(names(stars + "b"), IsEmpty());
  EXPECT_THAT(names(std::string(512, '*')), testing::SizeIs(1));
  EXPECT_THAT(names(std::string(512, '[')), IsEmpty());
  std::string sets;
  while (sets.size() + 5 <= 512) sets += "*[!b]";
  EXPECT_THAT(names(sets), testing::SizeIs(1));
}

TEST_F(ImageListTest, Pages) {
  for (const char* tag : {"1", "2", "3", "4", "5"}) put_tag("a/b", tag, sha256("x"));
  put_tag("c", "1", sha256("x"));
  std::vector<std::string> seen;
  std::string from;
  int pages = 0;
  for (bool more = true; more; ++pages) {
    const auto page = list_images(storage, "a/*", from, 2);
    for (const auto& image : page.images) seen.push_back(image.tag);
    more = page.next.has_value();
    from = page.next.value_or("");
  }
  EXPECT_THAT(seen, ElementsAre("1", "2", "3", "4", "5"));
  EXPECT_EQ(pages, 3);
  for (const char* odd : {"x", "/", ":", "a:b/c", "docker.io/a/b:"})
    EXPECT_LE(list_images(storage, "", odd, 10).images.size(), 6U) << odd;
}

TEST_F(ImageListTest, ADamagedManifestIsAbsent) {
  const std::string bytes = "no manifest";
  const auto digest = sha256("something else");
  const ManifestRecord record{oci_manifest_type, bytes.size(), clock.wall(), "docker.io"};
  EXPECT_TRUE(storage.rocks.put_manifest(digest, record, bytes));
  storage.store.add_manifest(digest, record, true);
  put_tag("a", "latest", digest);
  EXPECT_EQ(only().state, ImageState::absent);
}

}  // namespace
}  // namespace entrepot::cache
