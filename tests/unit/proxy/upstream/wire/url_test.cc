// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/url.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::upstream {
namespace {

TEST(Url, RefusesWhatCouldBeReadInTwoWays) {
  const std::string refused[] = {
      "",
      "registry.example/v2/",
      "/v2/",
      "ftp://registry.example/",
      "file:///etc/passwd",
      "http://",
      "http://user@registry.example/",
      "http://user:secret@registry.example/",
      "http://registry.example:0/",
      "http://registry.example:65536/",
      "http://registry.example/a b",
      "http://registry.example/\n",
      "http://registry.example/\x7f",
      "http://r\xc3\xa9gistry.example/",
      // An address that only shows when the host is decoded, and then read again.
      "http://%31/",
      "http://%31%32%37.1/",
      "https:/%31:9/",
      "http://registry.example/" + std::string(Url::max_length, 'a'),
  };
  for (const auto& text : refused) EXPECT_FALSE(Url::parse(text)) << text.substr(0, 60);
}

TEST(Url, NamesTheHostThatIsDialled) {
  const struct {
    std::string_view text, host;
    std::uint16_t port;
  } cases[] = {
      {"http://Registry.Example/", "registry.example", 80},
      {"https://registry.example./", "registry.example", 443},
      {"https://registry.example:5000/x", "registry.example", 5000},
      {"http://[::1]:5000/", "::1", 5000},
      // The old ways to write 127.0.0.1 are that address, here and for curl.
      {"http://2130706433/", "127.0.0.1", 80},
      {"http://0x7f.1/", "127.0.0.1", 80},
      {"http://0177.0.0.1/", "127.0.0.1", 80},
      {"http://re%67istry.example/", "registry.example", 80},
  };
  for (const auto& c : cases) {
    const auto url = Url::parse(c.text);
    ASSERT_TRUE(url) << c.text;
    EXPECT_EQ(url->host(), c.host) << c.text;
    EXPECT_EQ(url->port(), c.port) << c.text;
    const auto again = Url::parse(url->text());
    ASSERT_TRUE(again) << c.text;
    EXPECT_TRUE(again->same_origin(*url)) << c.text;
  }
}

TEST(Url, ResolvesAReference) {
  const Url base = *Url::parse("https://registry.example/v2/a/blobs/x?sig=1");
  EXPECT_EQ(base.resolve("/other")->text(), "https://registry.example/other");
  EXPECT_EQ(base.resolve("y?z=1")->text(), "https://registry.example/v2/a/blobs/y?z=1");
  EXPECT_EQ(base.resolve("//cdn.example/y")->host(), "cdn.example");
  EXPECT_EQ(base.resolve("http://cdn.example/y")->shown(), "http://cdn.example/y");
  EXPECT_FALSE(base.resolve("//%31%32%37.1/"));
  EXPECT_FALSE(base.resolve("gopher://cdn.example/"));
}

TEST(Url, EncodesWhatAReferenceShouldHave) {
  const Url base = *Url::parse("https://registry.example/v2/");
  const struct {
    std::string_view reference, text;
  } cases[] = {
      {"/a b?c d", "https://registry.example/a%20b?c%20d"},
      {"/a\tb\x01\x7f", "https://registry.example/a%09b%01%7F"},
      {"/\xc3\xbc?\xff", "https://registry.example/%C3%BC?%FF"},
      {"/%20?{|}", "https://registry.example/%20?{|}"},
      {"https://cdn.example/a b", "https://cdn.example/a%20b"},
  };
  for (const auto& c : cases) {
    const auto url = base.resolve(c.reference);
    ASSERT_TRUE(url) << c.reference;
    EXPECT_EQ(url->text(), c.text);
  }
  const std::string_view refused[] = {
      "/a\rb",
      "/a\nb",
      {"/a\0b", 4},
      "https://cdn example/",
      "https://cdn.example:80 /",
      "https://a b@cdn.example/",
      "https://r\xc3\xa9gistry.example/",
      "//cdn.example\t/",
  };
  for (const auto reference : refused) EXPECT_FALSE(base.resolve(reference)) << reference;
  EXPECT_FALSE(base.resolve("/" + std::string(Url::max_length / 2, ' ')));
}

TEST(Url, EncodesAnAbsoluteUrl) {
  EXPECT_EQ(Url::parse_unencoded("https://auth.example/to ken?for=r\xc3\xa9gistre")->text(),
            "https://auth.example/to%20ken?for=r%C3%A9gistre");
  EXPECT_FALSE(Url::parse("https://auth.example/to ken"));
  for (const std::string_view refused :
       {"/token", "token", "https://auth example/", "https://auth.example/\r\nx", "ftp://a/"})
    EXPECT_FALSE(Url::parse_unencoded(refused)) << refused;
}

TEST(Url, ShowsNoQuery) {
  const Url url = *Url::parse("https://cdn.example:8443/blob/?X-Signature=secret");
  EXPECT_EQ(url.shown(), "https://cdn.example:8443/blob");
  EXPECT_EQ(url.label(), "cdn.example:8443/blob");
  EXPECT_NE(url.text().find("secret"), std::string::npos);
}

TEST(Url, PutsPathsAndQueriesBehindItsOwn) {
  const Url url = *Url::parse("https://mirror.example/prefix/?account=x");
  EXPECT_EQ(url.with_path("/v2/")->text(), "https://mirror.example/prefix/v2/?account=x");
  EXPECT_EQ(Url::parse("https://m.example")->with_query("a b", "c&d")->text(),
            "https://m.example/?a%20b=c%26d");
}

TEST(Url, DoesNotGrowBeyondItsLimit) {
  const Url url = *Url::parse("https://m.example/p");
  const std::string most(Url::max_length - url.text().size() - 4, 'x');  // "?k=" and a '/'
  EXPECT_TRUE(url.with_query("k", most));
  EXPECT_FALSE(url.with_query("k", most + "xx"));
  EXPECT_FALSE(url.with_query("k", std::string(Url::max_length / 3, '%')));
  EXPECT_TRUE(url.with_path("/" + most));
  EXPECT_FALSE(url.with_path("/" + std::string(Url::max_length, 'x')));
}

}  // namespace
}  // namespace entrepot::upstream
