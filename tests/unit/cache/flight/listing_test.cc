// SPDX-License-Identifier: Apache-2.0
// Lists of tags and referrers: their order, their lifetime, and the bounds of their size.
#include "cache/api/listing.h"

#include <string>
#include <vector>

#include "cache/flight/listing_flights.h"
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

std::vector<std::string> all_of(const TagList& tags) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < tags.size(); ++i) all.emplace_back(tags[i]);
  return all;
}

TEST(TagList, IsSortedByteWiseWithoutDuplicates) {
  const TagList tags("b\na\nb\nB\n10\n9\n");
  EXPECT_EQ(all_of(tags), (std::vector<std::string>{"10", "9", "B", "a", "b"}));
  EXPECT_EQ(*tags.text(), R"("10","9","B","a","b")");
  EXPECT_EQ(tags.elements(0, 5), *tags.text());
  EXPECT_EQ(tags.elements(1, 2), R"("9","B")");
  EXPECT_EQ(tags.elements(4, 1), R"("b")");
  EXPECT_EQ(tags.elements(5, 0), "");
  EXPECT_EQ(tags.count_up_to(""), 0U);
  EXPECT_EQ(tags.count_up_to("9"), 2U);
  EXPECT_EQ(tags.count_up_to("A"), 2U) << "it is not there";
  EXPECT_EQ(tags.count_up_to("zz"), 5U);
}

TEST(TagList, MayBeEmpty) {
  const TagList tags("");
  EXPECT_EQ(tags.size(), 0U);
  EXPECT_EQ(tags.elements(0, 0), "");
  EXPECT_EQ(tags.count_up_to("x"), 0U);
}

Digest digest_of_digit(char digit) { return *Digest::parse("sha256:" + std::string(64, digit)); }

TEST(ReferrersList, IsSortedByTypeAndDigestWithoutDuplicates) {
  Referrers::Gathered gathered;
  gathered.add("b", digest_of_digit('1'), "{b1}");
  gathered.add("a", digest_of_digit('3'), "{a3}");
  gathered.add("", digest_of_digit('2'), "{2}");
  gathered.add("a", digest_of_digit('1'), "{a1}");
  gathered.add("a", digest_of_digit('3'), "{again}");
  const Referrers list(gathered);
  EXPECT_EQ(list.size(), 4U);
  EXPECT_EQ(*list.text(), "{2},{a1},{a3},{b1}");
  EXPECT_EQ(list.elements(list.of_type("a")), "{a1},{a3}");
  EXPECT_EQ(list.elements(list.of_type("")), "{2}");
  EXPECT_EQ(list.elements(list.of_type("aa")), "");
  EXPECT_EQ(list.elements({3, 4}), "{b1}");
}

TEST(ReferrersList, FindsThePlaceOfPresentAndAbsentDigests) {
  Referrers::Gathered gathered;
  for (const char* type : {"b", "d"})
    for (const char digit : {'2', '4'}) gathered.add(type, digest_of_digit(digit), "{}");
  const Referrers list(gathered);
  for (std::size_t i = 0; i < list.size(); ++i)
    EXPECT_EQ(list.count_up_to(list.place_of(i)), i + 1) << i;
  EXPECT_EQ(list.place_of(2).artifact_type, "d");
  EXPECT_EQ(list.place_of(2).digest, digest_of_digit('2'));
  EXPECT_EQ(list.count_up_to({"a", digest_of_digit('9')}), 0U);
  EXPECT_EQ(list.count_up_to({"b", digest_of_digit('1')}), 0U);
  EXPECT_EQ(list.count_up_to({"b", digest_of_digit('3')}), 1U);
  EXPECT_EQ(list.count_up_to({"c", digest_of_digit('0')}), 2U);
  EXPECT_EQ(list.count_up_to({"e", digest_of_digit('0')}), 4U);
}

TEST(ReferrersList, CountsTheEntriesThatFit) {
  Referrers::Gathered gathered;
  for (const char digit : {'1', '2', '3'}) gathered.add("", digest_of_digit(digit), "{123}");
  const Referrers list(gathered);
  const std::pair<std::size_t, std::size_t> cases[] = {{0, 0},  {4, 0},  {5, 1},  {10, 1},
                                                       {11, 2}, {16, 2}, {17, 3}, {99, 3}};
  for (const auto& [bytes, count] : cases) EXPECT_EQ(list.count_within({0, 3}, bytes), count);
  EXPECT_EQ(list.count_within({1, 3}, 11), 2U);
  EXPECT_EQ(list.count_within({1, 2}, 99), 1U);
  EXPECT_EQ(list.count_within({2, 2}, 99), 0U);
}

TEST(ReferrersList, KeepsTheLongestLists) {
  const auto most = 8U << 20;  // of an upstream's list (Limits::list_bytes)
  for (const bool types : {false, true}) {
    Referrers::Gathered gathered;
    std::size_t bytes = 0;
    for (int i = 0; bytes < most; ++i) {
      const auto digest = digest_of(Algorithm::sha256, std::to_string(i));
      const std::string type = types ? "t" + std::to_string(i) : "";
      std::string text = R"({"mediaType":"a/b","size":1,"digest":")" + digest.str() + '"';
      if (types) text += R"(,"artifactType":")" + type + '"';
      text += '}';
      gathered.add(type, digest, text);
      bytes += text.size() + 1;
    }
    EXPECT_LT(Referrers(gathered).bytes(), ListingFlights::max_kept_bytes - 4096) << types;
  }
}

class ListingTest : public CacheTest {
 protected:
  struct Pending {
    std::shared_ptr<std::vector<ListingAnswer>> answers =
        std::make_shared<std::vector<ListingAnswer>>();
    const ListingAnswer& answer() const {
      EXPECT_EQ(answers->size(), 1U);
      return answers->at(0);
    }
    ListingCallback callback() const {
      return [to = answers](ListingAnswer answer) { to->push_back(std::move(answer)); };
    }
  };
  Pending ask_tags(const std::string& name = "library/alpine") {
    const Pending pending;
    cache->fetch_tags(RepositoryRef{"docker.io", name}, executor, pending.callback());
    executor.run();
    return pending;
  }
  void answer(std::string tags) {
    Listing listing;
    listing.tags = std::move(tags);
    source.listed.back().answer(std::move(listing));
    executor.run();
  }
  void fail(FailureKind kind) {
    source.listed.back().fail(kind);
    executor.run();
  }
  /// Tags of about `bytes` together.
  static std::string long_list(std::size_t bytes) {
    std::string lines;
    for (std::size_t i = 0; lines.size() < bytes; ++i)
      lines += std::to_string(i) + std::string(100, 'x') + "\n";
    return lines;
  }
};

TEST_F(ListingTest, OneRequestServesAllClientsSortedUntilItIsStale) {
  const auto one = ask_tags();
  const auto two = ask_tags();
  ASSERT_EQ(source.listed.size(), 1U);
  answer("b\na\nb\nB\n");
  EXPECT_EQ(all_of(*one.answer().tags), (std::vector<std::string>{"B", "a", "b"}));
  EXPECT_EQ(one.answer().outcome, Outcome::miss);
  EXPECT_EQ(two.answer().outcome, Outcome::joined);
  EXPECT_EQ(two.answer().tags, one.answer().tags) << "one text for all";
  EXPECT_EQ(ask_tags().answer().outcome, Outcome::hit);
  EXPECT_EQ(source.listed.size(), 1U);
}

TEST_F(ListingTest, ReferrersAreKeptByTheirType) {
  const Pending pending;
  cache->fetch_referrers(repo, sha256("subject"), executor, pending.callback());
  executor.run();
  Listing listing;
  listing.referrers.add("a", sha256("1"), "{1}");
  listing.referrers.add("b", sha256("2"), "{2}");
  source.listed.back().answer(std::move(listing));
  executor.run();
  const auto& referrers = *pending.answer().referrers;
  EXPECT_EQ(*referrers.text(), "{1},{2}");
  EXPECT_EQ(referrers.elements(referrers.of_type("b")), "{2}");
  EXPECT_FALSE(pending.answer().tags);
}

TEST_F(ListingTest, IsStaleIfTheUpstreamFailsAndGoneAfterANotFound) {
  ask_tags();
  answer("a\n");
  clock.advance(seconds(61));
  const auto stale = ask_tags();
  fail(FailureKind::unavailable);
  EXPECT_EQ(stale.answer().outcome, Outcome::stale);
  ASSERT_TRUE(stale.answer().tags);
  EXPECT_EQ(ask_tags().answer().outcome, Outcome::stale) << "at once";
  EXPECT_EQ(source.listed.size(), 2U);
  clock.advance(seconds(2));
  const auto gone = ask_tags();
  ASSERT_EQ(source.listed.size(), 3U);
  fail(FailureKind::not_found);
  EXPECT_FALSE(gone.answer().tags);
  EXPECT_EQ(gone.answer().failure.kind, FailureKind::not_found);
}

TEST_F(ListingTest, AListThatFailedIsNotRequestedAgainForAWhile) {
  for (const auto kind : {FailureKind::bad_upstream, FailureKind::not_found}) {
    const auto before = source.listed.size();
    ask_tags();
    fail(kind);
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(ask_tags().answer().failure.kind, kind);
      clock.advance(milliseconds(900));
    }
    EXPECT_EQ(source.listed.size(), before + 1);
    clock.advance(seconds(2));
  }
  ask_tags();
  fail(FailureKind::denied);
  const auto before = source.listed.size();
  ask_tags();
  EXPECT_EQ(source.listed.size(), before + 1) << "the credentials may have been mended";
}

TEST_F(ListingTest, StoresListsWithinABoundOfBytes) {
  const std::string list = long_list(5 << 20);
  for (const char* name : {"a", "b", "c", "d"}) {
    ask_tags(name);
    answer(list);
  }
  EXPECT_EQ(source.listed.size(), 4U);
  EXPECT_EQ(ask_tags("d").answer().outcome, Outcome::hit);
  EXPECT_EQ(ask_tags("c").answer().outcome, Outcome::hit);
  ask_tags("a");
  EXPECT_EQ(source.listed.size(), 5U) << "the oldest is evicted";
}

TEST_F(ListingTest, StoresManyShortLists) {
  for (int i = 0; i < 2000; ++i) {
    ask_tags("r" + std::to_string(i));
    answer("latest\n");
  }
  EXPECT_EQ(ask_tags("r0").answer().outcome, Outcome::hit);
}

TEST_F(ListingTest, AListTooLongForTheCacheIsSent) {
  ask_tags("short");
  answer("a\n");
  const auto sent = ask_tags("long");
  answer(long_list(17 << 20));
  EXPECT_TRUE(sent.answer().tags);
  EXPECT_EQ(ask_tags("short").answer().outcome, Outcome::hit) << "the long list evicts nothing";
  ask_tags("long");
  EXPECT_EQ(source.listed.size(), 3U);
}

TEST_F(ListingTest, ReleasesListsAfterAnHour) {
  const auto asked = ask_tags();
  answer("a\n");
  const std::weak_ptr<const TagList> kept = asked.answer().tags;
  asked.answers->clear();
  executor.pass(minutes(59));
  EXPECT_FALSE(kept.expired());
  executor.pass(minutes(2));
  EXPECT_TRUE(kept.expired()) << "without another request";
}

}  // namespace
}  // namespace entrepot::cache
