// SPDX-License-Identifier: Apache-2.0
// The allowed targets of redirects and realms: addresses, URLs, realms.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <string>
#include <vector>

#include "proxy/upstream/auth/realm.h"
#include "proxy/upstream/transfer/address.h"
#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {
namespace {

Url url(std::string_view text) {
  const auto parsed = Url::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value();
}

TEST(Address, ClassifiesIPv4) {
  const std::pair<const char*, AddressClass> cases[] = {
      {"0.0.0.0", AddressClass::unspecified},
      {"0.1.2.3", AddressClass::unspecified},
      {"9.255.255.255", AddressClass::global},
      {"10.0.0.0", AddressClass::private_use},
      {"10.255.255.255", AddressClass::private_use},
      {"11.0.0.0", AddressClass::global},
      {"100.63.255.255", AddressClass::global},
      {"100.64.0.0", AddressClass::shared},
      {"100.127.255.255", AddressClass::shared},
      {"100.128.0.0", AddressClass::global},
      {"127.0.0.1", AddressClass::loopback},
      {"127.255.255.255", AddressClass::loopback},
      {"169.254.169.254", AddressClass::link_local},
      {"169.253.0.1", AddressClass::global},
      {"172.15.255.255", AddressClass::global},
      {"172.16.0.0", AddressClass::private_use},
      {"172.31.255.255", AddressClass::private_use},
      {"172.32.0.0", AddressClass::global},
      {"192.168.0.1", AddressClass::private_use},
      {"192.167.0.1", AddressClass::global},
      {"192.0.2.1", AddressClass::reserved},
      {"198.19.0.1", AddressClass::reserved},
      {"198.20.0.1", AddressClass::global},
      {"223.255.255.255", AddressClass::global},
      {"224.0.0.1", AddressClass::multicast},
      {"239.255.255.255", AddressClass::multicast},
      {"240.0.0.1", AddressClass::reserved},
      {"255.255.255.255", AddressClass::reserved},
      {"1.1.1.1", AddressClass::global},
      {"not an address", AddressClass::reserved},
      {"127.1", AddressClass::reserved},
      {"", AddressClass::reserved},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(to_string(classify(text)), to_string(expected)) << text;
  }
}

TEST(Address, ClassifiesIPv6AndWhatItHides) {
  const std::pair<const char*, AddressClass> cases[] = {
      {"::", AddressClass::unspecified},
      {"::1", AddressClass::loopback},
      {"::2", AddressClass::unspecified},  // IPv4-compatible 0.0.0.2
      {"::ffff:127.0.0.1", AddressClass::loopback},
      {"::ffff:10.1.2.3", AddressClass::private_use},
      {"::ffff:1.1.1.1", AddressClass::global},
      {"::ffff:0:169.254.169.254", AddressClass::link_local},
      {"::10.0.0.1", AddressClass::private_use},
      {"64:ff9b::10.0.0.1", AddressClass::private_use},
      {"64:ff9b::169.254.169.254", AddressClass::link_local},
      {"64:ff9b::8.8.8.8", AddressClass::global},
      {"64:ff9b:1::8.8.8.8", AddressClass::private_use},
      {"2002:7f00:1::", AddressClass::loopback},
      {"2002:101:101::", AddressClass::global},
      {"2001:0:4136:e378:8000:63bf:f5ff:fffe", AddressClass::private_use},  // Teredo, 10.0.0.1
      {"fe80::1", AddressClass::link_local},
      {"febf::1", AddressClass::link_local},
      {"fec0::1", AddressClass::private_use},
      {"fc00::1", AddressClass::private_use},
      {"fd00:ec2::254", AddressClass::private_use},
      {"ff02::1", AddressClass::multicast},
      {"100::1", AddressClass::reserved},
      {"2001:db8::1", AddressClass::reserved},
      {"3fff::1", AddressClass::reserved},
      {"2606:4700:4700::1111", AddressClass::global},
      {"4000::1", AddressClass::reserved},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(to_string(classify(text)), to_string(expected)) << text;
  }
}

TEST(Address, ReadsSocketAddresses) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x0a000001);
  EXPECT_EQ(classify(reinterpret_cast<sockaddr&>(v4), sizeof v4), AddressClass::private_use);
  EXPECT_EQ(classify(reinterpret_cast<sockaddr&>(v4), 4), AddressClass::reserved);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr.s6_addr[15] = 1;
  EXPECT_EQ(classify(reinterpret_cast<sockaddr&>(v6), sizeof v6), AddressClass::loopback);
  v6.sin6_family = AF_UNIX;
  EXPECT_EQ(classify(reinterpret_cast<sockaddr&>(v6), sizeof v6), AddressClass::reserved);
}

TEST(UrlTest, ReadsTheParts) {
  const Url plain = url("HTTP://Registry.Example:5000/prefix/?a=b#frag");
  EXPECT_FALSE(plain.https());
  EXPECT_EQ(plain.host(), "registry.example");
  EXPECT_EQ(plain.port(), 5000);
  EXPECT_EQ(plain.label(), "registry.example:5000/prefix");
  EXPECT_EQ(plain.text().find('#'), std::string::npos);
  EXPECT_EQ(url("https://registry-1.docker.io").label(), "registry-1.docker.io");
  EXPECT_EQ(url("https://registry-1.docker.io").port(), 443);
  EXPECT_EQ(url("https://[2001:DB8::1]:444/").host(), "2001:db8::1");
  EXPECT_EQ(url("https://[2001:DB8::1]:444/").label(), "[2001:db8::1]:444");
  EXPECT_EQ(url("https://example.com./x").host(), "example.com");
  EXPECT_EQ(url("http://0x7f.1/").host(), "127.0.0.1");
}

TEST(UrlTest, RefusesWhatIsNotPlainHttp) {
  for (const char* text :
       {"", "registry.example", "//registry.example/", "ftp://x/", "file:///etc/passwd",
        "https://user@x/", "https://user:secret@x/", "https://", "https://x:0/", "https://x:65536/",
        "https://x/ y", "https://x/\r\nX: y", "https://x/\x01", "https://x/\xc3\xa9", "gopher://x/",
        "https://[::1/", "javascript:alert(1)"}) {
    EXPECT_FALSE(Url::parse(text).has_value()) << text;
  }
  EXPECT_FALSE(Url::parse("https://x/" + std::string(Url::max_length, 'a')).has_value());
}

TEST(UrlTest, ResolvesLocations) {
  const Url base = url("https://registry.example/v2/a/blobs/x?token=1");
  EXPECT_EQ(base.resolve("/b?q=1")->text(), "https://registry.example/b?q=1");
  EXPECT_EQ(base.resolve("y")->text(), "https://registry.example/v2/a/blobs/y");
  EXPECT_EQ(base.resolve("//cdn.example/z")->text(), "https://cdn.example/z");
  EXPECT_EQ(base.resolve("http://cdn.example/z")->text(), "http://cdn.example/z");
  EXPECT_EQ(base.resolve("?only=query")->text(),
            "https://registry.example/v2/a/blobs/x?only=query");
  EXPECT_FALSE(base.resolve("").has_value());
  EXPECT_FALSE(base.resolve("ftp://cdn.example/").has_value());
  EXPECT_FALSE(base.resolve("https://u:p@cdn.example/").has_value());
}

// A signature covers the URL as it was written.
TEST(UrlTest, KeepsTheSpelling) {
  const char* text = "https://cdn.example/a%2Fb%2fc/d?X-Sig=%2F%2fA+b&x=";
  EXPECT_EQ(url(text).text(), text);
  EXPECT_EQ(url("https://registry.example/").resolve(text)->text(), text);
}

TEST(UrlTest, NeverShowsAQuery) {
  const Url signed_url = url("https://cdn.example/blob?X-Amz-Signature=secret");
  EXPECT_EQ(signed_url.shown(), "https://cdn.example/blob");
  EXPECT_EQ(signed_url.label(), "cdn.example/blob");
}

TEST(UrlTest, AddsPathsAndQueries) {
  EXPECT_EQ(url("https://x/p/").with_path("/v2/a/blobs/sha256:ff")->text(),
            "https://x/p/v2/a/blobs/sha256:ff");
  EXPECT_EQ(url("https://x").with_query("ns", "docker.io")->text(), "https://x/?ns=docker.io");
  EXPECT_EQ(url("https://x/?a=b").with_query("c", "d&e")->text(), "https://x/?a=b&c=d%26e");
}

TEST(UrlTest, ComparesOrigins) {
  EXPECT_TRUE(url("https://a/x").same_origin(url("https://A:443/y")));
  EXPECT_FALSE(url("https://a/").same_origin(url("http://a:443/")));
  EXPECT_FALSE(url("https://a/").same_origin(url("https://a:8443/")));
  EXPECT_FALSE(url("https://a/").same_origin(url("https://b.a/")));
}

TEST(Realm, FindsTheRegistrableDomain) {
  EXPECT_EQ(registrable_domain("registry-1.docker.io"), "docker.io");
  EXPECT_EQ(registrable_domain("docker.io"), "docker.io");
  EXPECT_EQ(registrable_domain("localhost"), "localhost");
  EXPECT_EQ(registrable_domain("a.b.c.co.uk"), "c.co.uk");
  EXPECT_EQ(registrable_domain("co.uk"), "co.uk");
  EXPECT_EQ(registrable_domain("me.azurecr.io"), "me.azurecr.io");
  EXPECT_EQ(registrable_domain("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(registrable_domain("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(registrable_domain(""), "");
}

TEST(Realm, AllowsTheRegistrysOwnTokenServer) {
  const auto allowed = [](const char* realm, const char* endpoint, const RealmRules& rules = {}) {
    return !realm_refusal(url(realm), url(endpoint), rules).has_value();
  };
  EXPECT_TRUE(allowed("https://auth.docker.io/token", "https://registry-1.docker.io"));
  EXPECT_TRUE(allowed("https://auth.docker.io/token", "https://registry.hub.docker.com"));
  EXPECT_TRUE(allowed("https://ghcr.io/token", "https://ghcr.io"));
  EXPECT_TRUE(allowed("http://127.0.0.1:5001/token", "http://127.0.0.1:5000"));
  EXPECT_TRUE(allowed("http://token.corp/", "https://registry.lan", {.any_host = true}));
  const std::vector<std::string> named = {"token.corp"};
  EXPECT_TRUE(allowed("https://token.corp/", "https://registry.lan", {.hosts = named}));
  EXPECT_TRUE(allowed("http://TOKEN.corp:81/", "http://registry.lan", {.hosts = named}));

  EXPECT_FALSE(allowed("http://token.corp/", "https://registry.lan", {.hosts = named}));
  EXPECT_FALSE(allowed("https://a.token.corp/", "https://registry.lan", {.hosts = named}));
  EXPECT_FALSE(allowed("https://token.corp.evil/", "https://registry.lan", {.hosts = named}));

  EXPECT_FALSE(allowed("http://auth.docker.io/token", "https://registry-1.docker.io"));
  EXPECT_FALSE(allowed("https://evil.example/token", "https://registry-1.docker.io"));
  EXPECT_FALSE(allowed("https://docker.io.evil.example/", "https://registry-1.docker.io"));
  EXPECT_FALSE(allowed("https://evildocker.io/", "https://registry-1.docker.io"));
  EXPECT_FALSE(allowed("https://evil.co.uk/", "https://registry.co.uk"));
  EXPECT_FALSE(allowed("https://evil.azurecr.io/", "https://mine.azurecr.io"));
  EXPECT_FALSE(allowed("https://10.0.0.2/", "https://10.0.0.1"));
  EXPECT_FALSE(allowed("https://169.254.169.254/", "https://registry.example"));
}

}  // namespace
}  // namespace entrepot::upstream
