// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/outgoing_proxy.h"

#include <gtest/gtest.h>

namespace entrepot::upstream {
namespace {

OutgoingProxy proxy_with(std::vector<std::string> except) {
  return {.for_https = {.url = "http://p.lan:3128"},
          .for_http = {.url = "http://q.lan:3128"},
          .except = std::move(except)};
}

std::string url_for(const OutgoingProxy& proxy, const char* target, bool private_addresses = true) {
  const auto url = Url::parse(target);
  EXPECT_TRUE(url) << target;
  const auto* server = url ? proxy.server_for(*url, private_addresses) : nullptr;
  return server == nullptr ? "" : server->url;
}

TEST(IsExcepted, ANameWithItsSubdomains) {
  for (const char* entry : {"lan.example", ".lan.example", "*.lan.example"}) {
    EXPECT_TRUE(is_excepted(entry, "lan.example")) << entry;
    EXPECT_TRUE(is_excepted(entry, "r.lan.example")) << entry;
    EXPECT_FALSE(is_excepted(entry, "wlan.example")) << entry;
    EXPECT_FALSE(is_excepted(entry, "example")) << entry;
    EXPECT_FALSE(is_excepted(entry, "lan.example.com")) << entry;
  }
}

TEST(IsExcepted, AnAddressOrItsNetwork) {
  EXPECT_TRUE(is_excepted("10.1.2.3", "10.1.2.3"));
  EXPECT_FALSE(is_excepted("10.1.2.3", "10.1.2.4"));
  EXPECT_TRUE(is_excepted("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(is_excepted("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(is_excepted("10.1.2.0/23", "10.1.3.255"));
  EXPECT_FALSE(is_excepted("10.1.2.0/23", "10.1.4.0"));
  EXPECT_TRUE(is_excepted("0.0.0.0/0", "192.0.2.1"));
  EXPECT_TRUE(is_excepted("fd00::/8", "fdff::1"));
  EXPECT_FALSE(is_excepted("fd00::/8", "fe00::1"));
  EXPECT_FALSE(is_excepted("0.0.0.0/0", "fd00::1")) << "the other family";
  EXPECT_FALSE(is_excepted("10.0.0.0/8", "r.example")) << "a name";
}

TEST(IsExcepted, AnInvalidNetworkNamesNothing) {
  for (const char* entry : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "10.0.0/8", "/8", "", "."})
    EXPECT_FALSE(is_excepted(entry, "10.0.0.1")) << entry;
  EXPECT_FALSE(is_excepted("", "r.example"));
  EXPECT_FALSE(is_excepted(".", "r.example"));
}

TEST(IsExcepted, AllHosts) {
  EXPECT_TRUE(is_excepted("*", "r.example"));
  EXPECT_TRUE(is_excepted("*", "fd00::1"));
}

TEST(OutgoingProxy, TheSchemeOfTheTargetDecides) {
  EXPECT_EQ(url_for(proxy_with({}), "https://r.example/v2/"), "http://p.lan:3128");
  EXPECT_EQ(url_for(proxy_with({}), "http://r.example/v2/"), "http://q.lan:3128");
  EXPECT_EQ(url_for({}, "https://r.example/v2/"), "");
}

TEST(OutgoingProxy, ExceptionsAreReachedDirectly) {
  const auto proxy = proxy_with({"other.example", "r.example"});
  EXPECT_EQ(url_for(proxy, "https://cdn.r.example:5000/"), "");
  EXPECT_EQ(url_for(proxy, "https://r.example.com/"), "http://p.lan:3128");
}

TEST(OutgoingProxy, PrivateAddressesAreReachedDirectlyUnlessAllowed) {
  for (const char* target :
       {"https://127.0.0.1/", "https://10.0.0.1/", "https://169.254.169.254/", "https://[::1]/",
        "https://[::ffff:10.0.0.1]/", "https://localhost/", "https://a.localhost/"}) {
    EXPECT_EQ(url_for(proxy_with({}), target, false), "") << target;
    EXPECT_EQ(url_for(proxy_with({}), target, true), "http://p.lan:3128") << target;
  }
  EXPECT_EQ(url_for(proxy_with({}), "https://198.41.0.4/", false), "http://p.lan:3128");
}

TEST(ProxyServer, TheAccountIsEncodedInTheUrl) {
  ProxyServer server{.url = "socks5h://p.lan:1080"};
  EXPECT_EQ(server.with_account(), "socks5h://p.lan:1080");
  server.account = {"g%61te", "a:b/c?d@e~\xC3\xA9"};
  EXPECT_EQ(server.with_account(), "socks5h://g%2561te:a%3Ab%2Fc%3Fd%40e~%C3%A9@p.lan:1080");
}

}  // namespace
}  // namespace entrepot::upstream
