// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/pagination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/registry/request/query.h"

namespace entrepot::registry {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const cache::TagList tags("1\n10\n2\nB\na\nb\n");

/// The entries of a page.
std::vector<std::string> entries_of(const Page& page) {
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < page.count; ++i) entries.emplace_back(tags[page.first + i]);
  return entries;
}
Page asked(const std::string& query) { return page_of(tags, parse_page(query).value()); }
std::vector<std::string> page(const std::string& query) { return entries_of(asked(query)); }
bool more(const std::string& query) { return asked(query).more; }

TEST(Pages, ReturnEverythingWithoutN) {
  EXPECT_THAT(page(""), ElementsAre("1", "10", "2", "B", "a", "b"));
  EXPECT_FALSE(more(""));
  EXPECT_THAT(page("last=2"), ElementsAre("B", "a", "b"));
  EXPECT_FALSE(more("last=2"));
}

TEST(Pages, HaveTheRequestedSize) {
  EXPECT_THAT(page("n=2"), ElementsAre("1", "10"));
  EXPECT_TRUE(more("n=2"));
  EXPECT_THAT(page("n=2&last=B"), ElementsAre("a", "b"));
  EXPECT_FALSE(more("n=2&last=B")) << "nothing follows the last page";
  EXPECT_THAT(page("n=6"), testing::SizeIs(6));
  EXPECT_FALSE(more("n=6"));
  EXPECT_THAT(page("n=0"), IsEmpty());
  EXPECT_FALSE(more("n=0")) << "a Link to the same empty page would never end";
}

TEST(Pages, ContinueAfterAnAbsentTag) {
  EXPECT_THAT(page("last=11"), ElementsAre("2", "B", "a", "b"));
  EXPECT_THAT(page("last=zz"), IsEmpty());
  EXPECT_THAT(page("last="), testing::SizeIs(6));
}

TEST(Pages, VisitEachTagOnceByLast) {
  for (std::size_t n = 1; n <= tags.size(); ++n) {
    std::vector<std::string> seen;
    Page current = page_of(tags, {n, ""});
    for (;;) {
      const auto entries = entries_of(current);
      seen.insert(seen.end(), entries.begin(), entries.end());
      ASSERT_LE(seen.size(), tags.size());
      if (!current.more) break;
      current = page_of(tags, {n, seen.back()});
    }
    EXPECT_EQ(seen, page("")) << n;
  }
}

TEST(Pages, RejectAndClampParameters) {  // corpus cases 83 and 84
  for (const char* query :
       {"n=-1", "n=abc", "n=", "n=1x", "n=+5", "n=%31", "n=1&n=2", "last=a&last=b", "last=%00",
        "last=../", "last=%2e%2e%2f", "last=%zz", "last=%2", "last=a%20b"})
    EXPECT_FALSE(parse_page(query)) << query;
  EXPECT_FALSE(parse_page("last=" + std::string(8000, 'a')));
  EXPECT_EQ(parse_page("n=999999999")->n, max_page);
  EXPECT_EQ(parse_page("n=99999999999999999999999999")->n, max_page);
  EXPECT_EQ(parse_page("last=v%2e1")->last, "v.1");
}

TEST(Query, Parameters) {
  EXPECT_EQ(find_parameter("a=1&b=2&a=3", "a").value, "1");
  EXPECT_EQ(find_parameter("a=1&b=2&a=3", "a").count, 2u);
  EXPECT_EQ(find_parameter("a=1&b", "b").count, 1u);
  EXPECT_EQ(find_parameter("a=1&b", "b").value, "");
  EXPECT_EQ(find_parameter("&&a=1=2&", "a").value, "1=2");
  EXPECT_EQ(find_parameter("aa=1", "a").count, 0u);
  EXPECT_EQ(find_parameter("", "a").count, 0u);
}

TEST(Query, DecodingIsBounded) {
  EXPECT_EQ(decode_parameter("a%3Ab+c", 10), "a:b+c");
  EXPECT_EQ(decode_parameter("abc", 3), "abc");
  EXPECT_FALSE(decode_parameter("abcd", 3));
  EXPECT_EQ(decode_parameter("%61%62%63", 3), "abc");
  for (const char* broken : {"%", "%1", "%g0", "%0g", "a%00", "%0d%0a", "%7f"})
    EXPECT_FALSE(decode_parameter(broken, 100)) << broken;
}

TEST(Query, EncodingRoundTrips) {
  EXPECT_EQ(encode_parameter("registry.example:5000"), "registry.example%3A5000");
  std::string all;
  for (int c = 0x20; c < 0x7f; ++c) all.push_back(static_cast<char>(c));
  const std::string encoded = encode_parameter(all);
  EXPECT_EQ(encoded.find_first_of("&=<>\" +:"), std::string::npos);
  EXPECT_EQ(decode_parameter(encoded, 1000), all);
}

}  // namespace
}  // namespace entrepot::registry
