// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "proxy/upstream/auth_scheme.h"
#include "proxy/upstream/challenge.h"
#include "proxy/upstream/content_range.h"
#include "proxy/upstream/link.h"
#include "proxy/upstream/media_type.h"
#include "proxy/upstream/retry_after.h"
#include "proxy/upstream/text.h"
#include "proxy/upstream/token_fetch.h"
#include "proxy/upstream/token_reply.h"

namespace entrepot::upstream {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using Strings = std::vector<std::string>;

std::vector<Challenge> challenges(const Strings& values) { return parse_challenges(values); }

// --- WWW-Authenticate ---------------------------------------------------------------------------

TEST(Challenge, ReadsTheOneDockerHubSends) {
  const auto parsed = challenges({R"(Bearer realm="https://auth.docker.io/token",)"
                                  R"(service="registry.docker.io",)"
                                  R"(scope="repository:library/alpine:pull")"});
  ASSERT_THAT(parsed, SizeIs(1));
  EXPECT_EQ(parsed[0].scheme, "bearer");
  EXPECT_EQ(parsed[0].parameter("realm"), "https://auth.docker.io/token");
  EXPECT_EQ(parsed[0].parameter("service"), "registry.docker.io");
  EXPECT_EQ(parsed[0].parameter("scope"), "repository:library/alpine:pull");
  EXPECT_EQ(parsed[0].parameter("error"), "");
}

TEST(Challenge, SplitsSeveralInOneHeaderAndInSeveral) {
  const auto parsed =
      challenges({R"(Basic realm="a, b", Bearer realm="r",service=s)", "Negotiate"});
  ASSERT_THAT(parsed, SizeIs(3));
  EXPECT_EQ(parsed[0].scheme, "basic");
  EXPECT_EQ(parsed[0].parameter("realm"), "a, b");
  EXPECT_EQ(parsed[1].scheme, "bearer");
  EXPECT_EQ(parsed[1].parameter("service"), "s");
  EXPECT_EQ(parsed[2].scheme, "negotiate");
}

TEST(Challenge, IgnoresCaseAndUnescapesQuotes) {
  const auto parsed = challenges({R"(BEARER Realm = "a\"b\\c" , SCOPE="x")"});
  ASSERT_THAT(parsed, SizeIs(1));
  EXPECT_THAT(parsed[0].parameters, ElementsAre(Pair("realm", "a\"b\\c"), Pair("scope", "x")));
}

TEST(Challenge, EndsAtWhatDoesNotParse) {
  EXPECT_THAT(challenges({R"(Bearer realm="never closed)"})[0].parameters, IsEmpty());
  EXPECT_THAT(challenges({R"(realm="no scheme")"}), IsEmpty());
  EXPECT_THAT(challenges({"", ",,, ,", "=x", "\"", "\\"}), IsEmpty());
  EXPECT_THAT(challenges({R"(Bearer realm="a" @@@ Basic)"}), SizeIs(1));
}

TEST(Challenge, IsBounded) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "Scheme" + std::to_string(i) + " a=b, ";
  EXPECT_THAT(challenges({many}), SizeIs(16));
  std::string parameters = "Bearer ";
  for (int i = 0; i < 1000; ++i) parameters += "p" + std::to_string(i) + "=v,";
  EXPECT_THAT(challenges({parameters})[0].parameters, SizeIs(16));
}

TEST(AuthScheme, PrefersBearerAndNeedsCredentialsForBasic) {
  const auto both = challenges({R"(Basic realm="x", Bearer realm="https://r/t",service="s")"});
  EXPECT_EQ(choose_scheme(both, true)->kind, AuthScheme::Kind::bearer);
  const auto basic = challenges({R"(Basic realm="x")"});
  EXPECT_EQ(choose_scheme(basic, true)->kind, AuthScheme::Kind::basic);
  EXPECT_EQ(choose_scheme(basic, false), std::nullopt);
  EXPECT_EQ(choose_scheme(challenges({"Bearer service=s"}), true), std::nullopt);
  EXPECT_EQ(choose_scheme(challenges({"Negotiate"}), true), std::nullopt);
  EXPECT_EQ(choose_scheme(challenges({"Bearer realm=\"https://r/t\",scope=\"a\tb\""}), true),
            std::nullopt);
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

/// The next page of the list at that URL, as curl asks for it; empty where there is none.
std::string next_of(const std::string& list, std::string_view target) {
  const auto next = next_page(*Url::parse(list), target);
  return next ? next->text() : "";
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

// --- Content-Range ------------------------------------------------------------------------------

TEST(ContentRange, ReadsPartAndTotal) {
  EXPECT_EQ(parse_content_range("bytes 5-9/10"),
            (ContentRange{.part = ContentRange::Part{5, 9}, .total = 10}));
  EXPECT_EQ(parse_content_range("BYTES 0-0/*"),
            (ContentRange{.part = ContentRange::Part{0, 0}, .total = {}}));
  EXPECT_EQ(parse_content_range("bytes */7"), (ContentRange{.part = {}, .total = 7}));
}

TEST(ContentRange, RefusesWhatContradictsItself) {
  for (const char* value :
       {"", "bytes", "bytes 5-9", "bytes 9-5/10", "bytes 5-10/10", "bytes -5/10", "bytes 5-/10",
        "bytes */*", "items 0-1/2", "bytes 0-1/2/3", "bytes 0-1/-2", "bytes +0-1/2",
        "bytes 0-18446744073709551616/99999999999999999999", "bytes 0x0-1/2", "bytes 0 - 1/2"}) {
    EXPECT_EQ(parse_content_range(value), std::nullopt) << value;
  }
}

// --- Retry-After, ratelimit ---------------------------------------------------------------------

TEST(RetryAfter, TakesSecondsAndDatesAndClampsBoth) {
  const auto now = std::chrono::system_clock::from_time_t(1'700'000'000);  // 14 Nov 2023 22:13:20
  EXPECT_EQ(parse_retry_after("0", now), seconds(0));
  EXPECT_EQ(parse_retry_after(" 17 ", now), seconds(17));
  EXPECT_EQ(parse_retry_after("1000000000", now), max_retry_after);
  EXPECT_EQ(parse_retry_after("99999999999999999999999999", now), max_retry_after);
  EXPECT_EQ(parse_retry_after("Tue, 14 Nov 2023 22:14:20 GMT", now), seconds(60));
  EXPECT_EQ(parse_retry_after("Tue, 14 Nov 2023 22:10:00 GMT", now), seconds(0));
  EXPECT_EQ(parse_retry_after("Tue, 14 Nov 2034 22:10:00 GMT", now), max_retry_after);
  EXPECT_EQ(parse_retry_after("Fri, 31 Dec 3996 23:10:00 GMT", now), max_retry_after);
  for (const char* value : {"", "-5", "1.5", "soon", "1e9", "10 apples and pears"}) {
    EXPECT_EQ(parse_retry_after(value, now), std::nullopt) << value;
  }
}

TEST(Ratelimit, ReadsDockerHubsForm) {
  const auto limit = [](std::uint64_t count, std::optional<int> window = std::nullopt) {
    return RateLimit{count, window ? std::optional(std::chrono::seconds(*window)) : std::nullopt};
  };
  EXPECT_EQ(parse_ratelimit("20;w=21600"), limit(20, 21600));
  EXPECT_EQ(parse_ratelimit("20 ; w=60;comment=x"), limit(20, 60));
  EXPECT_EQ(parse_ratelimit(" 0"), limit(0));
  EXPECT_EQ(parse_ratelimit("100, 100;w=60"), limit(100)) << "of the first one";
  for (const char* value : {"7;w=", "7;w=x", "7;w=99999999999", "7;q=60"})
    EXPECT_EQ(parse_ratelimit(value), limit(7)) << value;
  for (const char* value : {"", ";w=1", "-1", "many", "20x", "99999999999999999999"}) {
    EXPECT_EQ(parse_ratelimit(value), std::nullopt) << value;
  }
}

// --- Content-Type -------------------------------------------------------------------------------

TEST(MediaType, KeepsTypeAndSubtypeOnly) {
  EXPECT_EQ(parse_media_type("Application/JSON; charset=utf-8"), "application/json");
  EXPECT_EQ(parse_media_type(oci_index), oci_index);
  for (const char* value : {"", "json", "/", "a/", "/b", "a b/c", "a/b c", "a/b/c", "a\"/b"}) {
    EXPECT_EQ(parse_media_type(value), "") << value;
  }
  EXPECT_EQ(parse_media_type("a/" + std::string(300, 'b')), "");
}

TEST(MediaType, AcceptNamesEveryStoredType) {
  for (const auto type : {oci_index, oci_manifest, docker_list, docker_manifest}) {
    EXPECT_TRUE(is_manifest_type(type));
    EXPECT_NE(manifest_accept.find(type), std::string_view::npos);
  }
  EXPECT_FALSE(is_manifest_type("text/html"));
  EXPECT_FALSE(is_manifest_type(""));
}

// --- Token server -------------------------------------------------------------------------------

TEST(TokenReply, TakesEitherNameAndClampsTheLifetime) {
  EXPECT_EQ(parse_token_reply(R"({"token":"t"})")->token, "t");
  EXPECT_EQ(parse_token_reply(R"({"token":"t"})")->lifetime, seconds(60));
  EXPECT_EQ(parse_token_reply(R"({"access_token":"a","expires_in":300})")->token, "a");
  EXPECT_EQ(parse_token_reply(R"({"access_token":"a","expires_in":300})")->lifetime, seconds(300));
  EXPECT_EQ(parse_token_reply(R"({"token":"","access_token":"a"})")->token, "a");
  EXPECT_EQ(parse_token_reply(R"({"token":"t","expires_in":1})")->lifetime, seconds(60));
  EXPECT_EQ(parse_token_reply(R"({"token":"t","expires_in":-1})")->lifetime, seconds(60));
  EXPECT_EQ(parse_token_reply(R"({"token":"t","expires_in":1e300})")->lifetime, seconds(86400));
  EXPECT_EQ(parse_token_reply(R"({"token":"t","expires_in":"300"})")->lifetime, seconds(60));
}

TEST(TokenReply, RefusesWhatIsNoToken) {
  for (const char* body :
       {"", "{}", "[]", "null", "<html>", R"({"token":1})", R"({"token":""})", R"({"token":"a b"})",
        R"({"token":"a\r\nX: y"})", R"({"token":"\u00e9"})", R"({"token":"t")"}) {
    EXPECT_EQ(parse_token_reply(body), std::nullopt) << body;
  }
  EXPECT_EQ(parse_token_reply(std::string(40, '[') + std::string(40, ']')), std::nullopt);
  EXPECT_EQ(parse_token_reply(R"({"token":"t","pad":")" + std::string(max_token_body, 'x') + "\"}"),
            std::nullopt);
}

TEST(TokenUrl, RepeatsTheScopeAndEncodes) {
  const Url realm = *Url::parse("https://auth.example/token?account=x");
  EXPECT_EQ(lower(token_url(realm, "my service", "repository:a/b:pull repository:c:pull")->text()),
            "https://auth.example/token?account=x&service=my%20service"
            "&scope=repository%3aa%2fb%3apull&scope=repository%3ac%3apull");
  EXPECT_EQ(token_url(realm, "", "")->text(), realm.text());
}

TEST(Text, ExcerptsHoldNoControlCharacters) {
  EXPECT_EQ(printable_excerpt("a\r\nb\x7f\xff", 10), "a??b??");
  EXPECT_EQ(printable_excerpt("abcdef", 3), "abc");
}

}  // namespace
}  // namespace entrepot::upstream
