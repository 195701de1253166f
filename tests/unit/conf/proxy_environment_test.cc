// SPDX-License-Identifier: Apache-2.0
#include "conf/proxy_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace entrepot::conf {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

constexpr const char* variables[] = {"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY",
                                     "all_proxy",   "ALL_PROXY",   "no_proxy",   "NO_PROXY"};

class ProxyEnvironmentTest : public testing::Test {
 protected:
  ProxyEnvironmentTest() { clear(); }
  ~ProxyEnvironmentTest() override { clear(); }

  static void set(const char* name, const char* value) { ::setenv(name, value, 1); }
  void read() { add_environment(proxy, "proxy", problems); }

  OutgoingProxy proxy;
  Problems problems;

 private:
  static void clear() {
    for (const char* name : variables) ::unsetenv(name);
  }
};

TEST_F(ProxyEnvironmentTest, WarnsIfNothingIsSet) {
  set("HTTP_PROXY", "http://p:1");  // may come from a client of a web server
  set("https_proxy", "");
  read();
  EXPECT_EQ(proxy.for_https.url, "");
  EXPECT_EQ(proxy.for_http.url, "");
  EXPECT_THAT(problems.errors, IsEmpty());
  EXPECT_THAT(problems.warnings, ElementsAre(StartsWith("proxy: neither https_proxy")));
}

TEST_F(ProxyEnvironmentTest, EachSchemeHasItsVariable) {
  set("https_proxy", "http://a:1");
  set("http_proxy", "http://b:2");
  set("all_proxy", "socks5h://c:3");
  read();
  EXPECT_EQ(proxy.for_https.url, "http://a:1");
  EXPECT_EQ(proxy.for_http.url, "http://b:2");
  EXPECT_THAT(problems.warnings, IsEmpty());
}

TEST_F(ProxyEnvironmentTest, AllProxyFillsIn) {
  set("HTTPS_PROXY", "http://a:1");
  set("ALL_PROXY", "socks5h://c:3");
  read();
  EXPECT_EQ(proxy.for_https.url, "http://a:1");
  EXPECT_EQ(proxy.for_http.url, "socks5h://c:3");
}

TEST_F(ProxyEnvironmentTest, TakesTheUserOutOfTheUrl) {
  set("https_proxy", "http://gate:p%40ss%3Aw%zz@a:1/");
  read();
  EXPECT_EQ(proxy.for_https.url, "http://a:1");
  ASSERT_TRUE(proxy.for_https.account);
  EXPECT_EQ(proxy.for_https.account->username, "gate");
  EXPECT_EQ(proxy.for_https.account->password, "p@ss:w%zz");
}

TEST_F(ProxyEnvironmentTest, TheAccountOfOneProxyIsNotForTheOther) {
  set("https_proxy", "http://gate:secret@a:1");
  set("http_proxy", "http://b:2");
  read();
  EXPECT_TRUE(proxy.for_https.account);
  EXPECT_FALSE(proxy.for_http.account);
}

TEST_F(ProxyEnvironmentTest, AConfiguredAccountHasPriority) {
  proxy.for_https.account = Credential{"mine", "file", ""};
  set("https_proxy", "http://gate:secret@a:1");
  read();
  ASSERT_TRUE(proxy.for_https.account);
  EXPECT_EQ(proxy.for_https.account->username, "mine");
}

TEST_F(ProxyEnvironmentTest, KnowsOtherSpellings) {
  set("https_proxy", "SOCKS5://a:1");
  set("http_proxy", "HTTP://b:2");
  read();
  EXPECT_EQ(proxy.for_https.url, "socks5h://a:1");
  EXPECT_EQ(proxy.for_http.url, "http://b:2");
}

TEST_F(ProxyEnvironmentTest, RefusesAnAccountWithControlCharacters) {
  set("https_proxy", "http://gate:a%0d%0ab@a:1");
  read();
  EXPECT_THAT(problems.errors,
              ElementsAre(StartsWith("proxy: $https_proxy: the password holds a control")));
}

TEST_F(ProxyEnvironmentTest, AddsExceptions) {
  proxy.except = {"b.example"};
  set("https_proxy", "a:1");
  set("no_proxy", " .Lan.example,10.0.0.0/8, *.c.example ,r.example:5000,,::1");
  read();
  EXPECT_EQ(proxy.for_https.url, "http://a:1") << "the scheme is http without one";
  EXPECT_THAT(proxy.except,
              ElementsAre("b.example", ".lan.example", "10.0.0.0/8", "*.c.example", "::1"));
}

TEST_F(ProxyEnvironmentTest, NamesTheVariableAndNotItsValue) {
  set("all_proxy", "http://gate:secret@a");
  read();
  EXPECT_THAT(
      problems.errors,
      ElementsAre("proxy: $all_proxy is not the URL of a proxy with a host and a port, such "
                  "as http://proxy.example:3128 (http, https or socks5h)"));
}

}  // namespace
}  // namespace entrepot::conf
