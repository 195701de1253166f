// SPDX-License-Identifier: Apache-2.0
// Lists of tags and referrers: how they are kept, for how long, and how much of them.
#include "cache/listing.h"

#include <string>
#include <vector>

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

TEST_F(ListingTest, OneRequestForAllSortedAndBelieved) {
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
  listing.referrers = "{1},{2}";
  listing.referrers_by_type = {{"a", "{1}"}, {"b", "{2}"}};
  source.listed.back().answer(std::move(listing));
  executor.run();
  const auto& referrers = *pending.answer().referrers;
  EXPECT_EQ(*referrers.all, "{1},{2}");
  EXPECT_EQ(*referrers.by_type.at("b"), "{2}");
  EXPECT_FALSE(pending.answer().tags);
}

TEST_F(ListingTest, StaleWhereTheUpstreamCannotBeAskedGoneWhereItSaysSo) {
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

TEST_F(ListingTest, AListThatFailedIsNotAskedForAgainForAWhile) {
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

TEST_F(ListingTest, ListsAreKeptByTheirBytes) {
  const std::string list = long_list(5 << 20);
  for (const char* name : {"a", "b", "c", "d"}) {
    ask_tags(name);
    answer(list);
  }
  EXPECT_EQ(source.listed.size(), 4U);
  EXPECT_EQ(ask_tags("d").answer().outcome, Outcome::hit);
  EXPECT_EQ(ask_tags("c").answer().outcome, Outcome::hit);
  ask_tags("a");
  EXPECT_EQ(source.listed.size(), 5U) << "the oldest has gone";
}

TEST_F(ListingTest, ManyShortListsAreKept) {
  for (int i = 0; i < 2000; ++i) {
    ask_tags("r" + std::to_string(i));
    answer("latest\n");
  }
  EXPECT_EQ(ask_tags("r0").answer().outcome, Outcome::hit);
}

TEST_F(ListingTest, AListThatIsTooLongToBeKeptIsSent) {
  ask_tags("short");
  answer("a\n");
  const auto sent = ask_tags("long");
  answer(long_list(17 << 20));
  EXPECT_TRUE(sent.answer().tags);
  EXPECT_EQ(ask_tags("short").answer().outcome, Outcome::hit) << "nothing has left for it";
  ask_tags("long");
  EXPECT_EQ(source.listed.size(), 3U);
}

TEST_F(ListingTest, OldListsAreGivenBack) {
  const auto asked = ask_tags();
  answer("a\n");
  const std::weak_ptr<const TagList> kept = asked.answer().tags;
  asked.answers->clear();
  executor.pass(minutes(59));
  EXPECT_FALSE(kept.expired());
  executor.pass(minutes(2));
  EXPECT_TRUE(kept.expired()) << "without another question";
}

}  // namespace
}  // namespace entrepot::cache
