// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/link.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {
namespace {

using Strings = std::vector<std::string>;

/// The next page of the list at that URL, as curl asks for it; empty where there is none.
std::string next_of(const std::string& list, std::string_view target) {
  const auto next = next_page(*Url::parse(list), target);
  return next ? next->text() : "";
}

// --- Link ---------------------------------------------------------------------------------------

TEST(Link, FindsTheNextPage) {
  EXPECT_EQ(next_link(Strings{R"(</v2/a/tags/list?n=2&last=b>; rel="next")"}),
            "/v2/a/tags/list?n=2&last=b");
  EXPECT_EQ(next_link(Strings{"</a>; rel=next"}), "/a");
  EXPECT_EQ(next_link(Strings{R"(</p>;rel=prev, </n>; title="a, b; c"; REL="last NEXT")"}), "/n");
  EXPECT_EQ(next_link(Strings{"</p>; rel=prev", "</n>; rel=next"}), "/n");
}

TEST(Link, IsReadAsEnginesReadIt) {
  for (const char* value :
       {"/a?b=c; rel=next", "</a?b=c; rel=next", "/a?b=c>; rel=next", "< /a?b=c >; rel=next",
        "</a?b=c> rel=next", "</a?b=c", "</a?b=c>", "/a?b=c", "</p>; rel=prev, </a?b=c>",
        "</a?b=c; rel=next, </p>; rel=prev", "</x?y>, </a?b=c>; rel=next"})
    EXPECT_EQ(next_link(Strings{value}), "/a?b=c") << value;
}

TEST(Link, FindsNoneWhereThereIsNone) {
  for (const char* value : {"", "</a>", "</a?b>; rel=prev", "</a>; rel=nextish",
                            "</a>; rel=prev; rel=next", "</a>; title=\"; rel=next",
                            "</a>; xrel=next", "/style.css; rel=preload", ">", "<", ";,;"}) {
    EXPECT_EQ(next_link(Strings{value}), std::nullopt) << value;
  }
}

TEST(NextPage, IsTheQueryOfTheLinkAtTheListsUrl) {
  const std::string list = "https://r.test/x/v2/a/tags/list";
  for (const char* target :
       {"/x/v2/a/tags/list?n=2&last=b", "/v2/a/tags/list?n=2&last=b", "list?n=2&last=b",
        "?n=2&last=b#part", "http://r.test/x/v2/a/tags/list?n=2&last=b",
        "https://other.test:8443/v2/_catalog?n=2&last=b", "//u:p@169.254.169.254/?n=2&last=b",
        "file:///etc/passwd?&n=2&&last=b", "\\\\other\\?n=2&last=b"})
    EXPECT_EQ(next_of(list, target), list + "?n=2&last=b") << target;
}

TEST(NextPage, EncodesWhatAUrlCannotHold) {
  EXPECT_EQ(next_of("http://r.test/v2/a/tags/list", "?last=a b%20\xc3\xa9\"<>\\\x01&x={1}"),
            "http://r.test/v2/a/tags/list?last=a%20b%20%C3%A9%22%3C%3E%5C%01&x=%7B1%7D");
}

TEST(NextPage, LeavesTheListsOwnParameters) {
  EXPECT_EQ(next_of("http://r.test/v2/a/tags/list?ns=docker.io", "?ns=evil.test&last=b&ns=x"),
            "http://r.test/v2/a/tags/list?ns=docker.io&last=b");
}

TEST(NextPage, WithoutAQueryIsTheListItselfOrNone) {
  const std::string list = "https://r.test/v2/a/tags/list";
  for (const char* target : {"", "#x", "list", "/other/tags/list/", "https://x.test/tags/list"})
    EXPECT_EQ(next_of(list, target), list) << target;
  for (const std::string& target : {std::string("/v2/a/tags/list/2"), std::string("https://x.test"),
                                    std::string("/"), "?last=" + std::string(Url::max_length, 'a')})
    EXPECT_EQ(next_of(list, target), "") << target;
}

}  // namespace
}  // namespace entrepot::upstream
