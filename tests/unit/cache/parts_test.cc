// SPDX-License-Identifier: Apache-2.0
// The parts of the cache that stand alone.
#include <gtest/gtest.h>

#include <fstream>

#include "cache/bounded_map.h"
#include "cache/freshness.h"
#include "cache/layout.h"
#include "cache/manifest.h"
#include "cache/negative_table.h"
#include "cache/origins.h"
#include "cache/ranged_uses.h"
#include "cache/records.h"
#include "cache/strand.h"
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

constexpr std::string_view empty_sha256 =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(Digest, ParsesOnlyTheCanonicalForm) {
  EXPECT_EQ(Digest::parse(empty_sha256)->str(), empty_sha256);
  EXPECT_TRUE(Digest::parse("sha512:" + std::string(128, 'a')));
  for (const std::string& bad :
       {std::string(), std::string("sha256"), std::string("sha256:"), std::string(":x"),
        "sha256:" + std::string(63, 'a'), "sha256:" + std::string(65, 'a'),
        "sha256:" + std::string(64, 'A'), "sha256:" + std::string(63, 'a') + "g",
        "sha512:" + std::string(64, 'a'), "md5:" + std::string(32, 'a'),
        "SHA256:" + std::string(64, 'a'), std::string("sha256:../../x")}) {
    EXPECT_FALSE(Digest::parse(bad)) << bad;
  }
}

TEST(Digest, OfNothingAndOfPiecesAgree) {
  EXPECT_EQ(sha256("").str(), empty_sha256);
  Hasher hasher(Algorithm::sha512);
  hasher.update(std::as_bytes(std::span(std::string_view("ab"))));
  hasher.update(std::as_bytes(std::span(std::string_view("c"))));
  EXPECT_EQ(hasher.finish(), digest_of(Algorithm::sha512, std::string_view("abc")));
}

TEST(Digest, KeysRoundTripAndStrangersDoNotParse) {
  for (const auto algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    const auto digest = digest_of(algorithm, std::string_view("x"));
    EXPECT_EQ(parse_digest_key(digest_key(digest)), digest);
    EXPECT_FALSE(parse_digest_key(digest_key(digest) + "x"));
  }
  EXPECT_FALSE(parse_digest_key(""));
  EXPECT_FALSE(parse_digest_key("\x07" + std::string(32, 'x')));
}

TEST(Records, RoundTrip) {
  const WallTime now{std::chrono::milliseconds(1'700'000'000'123)};
  const BlobRecord in_file{1ULL << 40, now, false, "docker.io"};
  const BlobRecord in_line{3, now, true};
  const ManifestRecord manifest{oci_manifest_type, 6, now, "docker.io\nprivate"};
  const TagRecord tag{sha256("x"), oci_manifest_type, 7, now};
  const LinkRecord link{LinkRecord::Proof::manifest, now};
  const LinkRecord earlier{LinkRecord::Proof::upstream, now, true};
  EXPECT_EQ(decode_blob(encode(in_file)), in_file);
  EXPECT_EQ(decode_blob(encode(in_line)), in_line);
  EXPECT_EQ(decode_manifest(encode(manifest)), manifest);
  EXPECT_EQ(decode_tag(encode(tag)), tag);
  EXPECT_EQ(decode_link(encode(link)), link);
  EXPECT_EQ(decode_link(encode(earlier)), earlier);
}

TEST(Records, ThoseOfTheFirstVersionAreReadAndHaveNoOriginsNoted) {
  const auto as_first = [](std::string record, std::size_t origins) {
    record[0] = 1;
    return record.substr(0, record.size() - origins);
  };
  const BlobRecord blob{3, {}, true};
  const ManifestRecord manifest{oci_manifest_type, 6, {}};
  constexpr std::size_t no_names = 8;
  const auto read_blob = decode_blob(as_first(encode(blob), no_names));
  ASSERT_TRUE(read_blob);
  EXPECT_EQ(read_blob->size, blob.size);
  EXPECT_EQ(read_blob->origins, Origins::unnoted_name);
  const auto read_manifest = decode_manifest(as_first(encode(manifest), no_names));
  ASSERT_TRUE(read_manifest);
  EXPECT_EQ(read_manifest->media_type, oci_manifest_type);
  EXPECT_EQ(read_manifest->origins, Origins::unnoted_name);
  EXPECT_TRUE(decode_link(as_first(encode(LinkRecord{}), 0))->earlier);
  EXPECT_FALSE(decode_link(encode(LinkRecord{}))->earlier);
}

TEST(Records, EveryTruncationAndAnotherVersionAreRefused) {
  const auto whole = encode(TagRecord{sha256("x"), "type/x", 7, {}});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(decode_tag(std::string_view(whole).substr(0, length))) << length;
  }
  EXPECT_FALSE(decode_tag(whole + "x"));
  auto other_version = whole;
  other_version[0] = 3;
  EXPECT_FALSE(decode_tag(other_version));
  const auto blob = encode(BlobRecord{3, {}, true});
  EXPECT_FALSE(decode_blob(std::string_view(blob).substr(0, blob.size() - 1)));
  EXPECT_FALSE(decode_link(""));
}

TEST(Freshness, IsAFunctionOfAge) {
  using std::chrono::seconds;
  const auto at = [](int age) { return judge(seconds(age), seconds(60), seconds(600)); };
  EXPECT_EQ(at(0), Freshness::fresh);
  EXPECT_EQ(at(47), Freshness::fresh);
  EXPECT_EQ(at(48), Freshness::grace);
  EXPECT_EQ(at(59), Freshness::grace);
  EXPECT_EQ(at(60), Freshness::due);
  EXPECT_EQ(at(660), Freshness::due);
  EXPECT_EQ(at(661), Freshness::expired);
  EXPECT_EQ(judge(seconds(0), seconds(0), seconds(10)), Freshness::due);
  EXPECT_EQ(judge(seconds(1), seconds(0), seconds(10)), Freshness::due);
}

TEST(BoundedMap, KeepsWithinItsCapacityAndKeepsWhatIsUsed) {
  BoundedMap<std::string, std::string_view, int> map(16 * 100);
  for (int i = 0; i < 10'000; ++i) {
    map.put("key" + std::to_string(i), i);
    map.put("used", -1);
    EXPECT_TRUE(map.find("used"));
  }
  int kept = 0;
  for (int i = 0; i < 10'000; ++i) kept += map.find("key" + std::to_string(i)) ? 1 : 0;
  EXPECT_LE(kept, 16 * 101);
  EXPECT_GE(kept, 16 * 90);
  EXPECT_EQ(map.find("used"), -1);
}

TEST(BoundedMap, ReplacesErasesAndRefusesTheTooDear) {
  BoundedMap<std::string, std::string_view, int> map(1600);
  map.put("a", 1);
  map.put("a", 2);
  EXPECT_EQ(map.find("a"), 2);
  map.erase("a");
  EXPECT_FALSE(map.find("a"));
  map.put("dear", 1, 5000);
  EXPECT_FALSE(map.find("dear"));
}

TEST(NegativeTable, IsBoundedAndForgetsInTime) {
  NegativeTable table;
  const SteadyTime now{std::chrono::hours(1)};
  const auto later = now + std::chrono::seconds(10);
  for (std::size_t i = 0; i <= NegativeTable::max_entries; ++i) {
    table.put(std::to_string(i), {FailureKind::not_found, ""}, later, now);
  }
  EXPECT_FALSE(table.find("0", now));
  const auto last = std::to_string(NegativeTable::max_entries);
  EXPECT_TRUE(table.find(last, now));
  EXPECT_FALSE(table.find(last, later));
}

TEST(RangedUses, OneInAMinuteForEachBlob) {
  const RangedUses uses;
  const SteadyTime start{std::chrono::hours(5)};
  const auto one = sha256("one"), other = sha256("other");
  EXPECT_TRUE(uses.counts(one, start));
  EXPECT_TRUE(uses.counts(other, start));
  EXPECT_FALSE(uses.counts(one, start));
  EXPECT_FALSE(uses.counts(one, start + std::chrono::seconds(59)));
  EXPECT_TRUE(uses.counts(one, start + std::chrono::seconds(60)));
  EXPECT_FALSE(uses.counts(one, start + std::chrono::seconds(61)));
}

TEST(Manifest, NamesItsReferences) {
  const auto outline = parse_manifest(manifest_naming(
      {sha256("a"), sha256("b")}, R"(,"config":{"digest":")" + sha256("c").str() + "\"}"));
  ASSERT_TRUE(outline);
  EXPECT_EQ(outline->references, (std::vector{sha256("c"), sha256("a"), sha256("b")}));
}

TEST(Manifest, TypeIsImpliedWhereItIsNotSaid) {
  EXPECT_EQ(parse_manifest(R"({"schemaVersion":2,"manifests":[]})")->media_type,
            "application/vnd.oci.image.index.v1+json");
  EXPECT_EQ(parse_manifest(R"({"schemaVersion":2,"layers":[]})")->media_type, oci_manifest_type);
}

TEST(Manifest, WhatIsNoMediaTypeIsNotSaid) {
  for (const std::string& bad :
       {std::string(R"(a\r\nX: 1)"), std::string(R"(a/b\u0000)"), std::string(),
        std::string("none"), "a/" + std::string(10'000, 'b')}) {
    const auto outline =
        parse_manifest(R"({"schemaVersion":2,"layers":[],"mediaType":")" + bad + "\"}");
    ASSERT_TRUE(outline) << bad;
    EXPECT_EQ(outline->media_type, oci_manifest_type) << bad;
  }
}

TEST(Records, OneWhoseTypeNoHeaderCanHoldIsRefused) {
  const WallTime now{};
  EXPECT_FALSE(decode_manifest(encode(ManifestRecord{"a/b\r\nX: 1", 2, now})));
  EXPECT_FALSE(decode_tag(encode(TagRecord{sha256("x"), "a/b\nX", 2, now})));
  EXPECT_TRUE(decode_tag(encode(TagRecord{sha256("x"), "", 2, now})));
}

TEST(Strand, KeepsTheOrderOnAPoolThatDoesNot) {
  fakes::FakeClock clock;
  fakes::TimedExecutor pool(clock);
  std::string order;
  {
    Strand strand(pool);
    strand.post([&] {
      order += "1";
      strand.post([&] { order += "3"; });
    });
    strand.post([&] { order += "2"; });
    pool.run_one();  // one job of the pool runs them all
    EXPECT_EQ(order, "123");
    strand.post([&] { order += "4"; });
  }
  pool.run();
  EXPECT_EQ(order, "1234") << "what is queued outlives the strand";
}

TEST(Strand, AJobThatThrowsHoldsNobodyUp) {
  fakes::FakeClock clock;
  fakes::TimedExecutor pool(clock);
  Strand strand(pool);
  bool ran = false;
  strand.post([] { throw std::runtime_error("no bread"); });
  strand.post([&] { ran = true; });
  EXPECT_THROW(pool.run_one(), std::runtime_error);
  pool.run();
  EXPECT_TRUE(ran);
  ran = false;
  strand.post([&] { ran = true; });
  pool.run();
  EXPECT_TRUE(ran);
}

TEST(Manifest, HostileDocumentsAreRefusedOrRead) {
  EXPECT_TRUE(parse_manifest(std::string(100'000, '['))->over_limits);
  std::string deep = R"({"schemaVersion":2,"layers":[],"x":)";
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  EXPECT_TRUE(parse_manifest(deep + "1" + std::string(100'001, '}'))->over_limits);
  EXPECT_FALSE(parse_manifest("null"));
  EXPECT_FALSE(parse_manifest(R"({"schemaVersion":2})"));
  const auto odd = parse_manifest(
      R"({"schemaVersion":2,"layers":[1,null,{"digest":5},{"digest":"sha256:../x"}],"config":[]})");
  ASSERT_TRUE(odd);
  EXPECT_TRUE(odd->references.empty());
  std::vector<Digest> many(max_references, sha256("x"));
  EXPECT_FALSE(parse_manifest(manifest_naming(many))->over_limits);
  many.push_back(sha256("x"));
  EXPECT_TRUE(parse_manifest(manifest_naming(many))->over_limits);
}

using OpenTest = CacheTest;

TEST_F(OpenTest, SecondOpenerIsRefused) {
  const auto open_again = [this] {
    Cache second(options, clock, metrics, executor, {{&executor, &source}});
  };
  EXPECT_THROW(open_again(), OpenLaterError);
}

TEST_F(OpenTest, FileInPlaceOfTheDirectoryIsRefusedWithItsName) {
  options.directory = folder.path() / "file";
  std::ofstream(options.directory) << "x";
  try {
    open();
    FAIL() << "opened a file";
  } catch (const OpenError& error) {
    EXPECT_NE(std::string(error.what()).find(options.directory.string()), std::string::npos);
  }
}

TEST_F(OpenTest, LeftoversOfFillsAreRemoved) {
  executor.run();
  cache.reset();
  std::ofstream(options.directory / "fills" / "sha256-left") << "x";
  open();
  EXPECT_TRUE(std::filesystem::is_empty(options.directory / "fills"));
}

}  // namespace
}  // namespace entrepot::cache
