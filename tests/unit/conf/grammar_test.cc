// SPDX-License-Identifier: Apache-2.0
#include "conf/grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace entrepot::conf {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Grammar, Addresses) {
  for (const auto* address : {"0.0.0.0:5000", "127.0.0.1:0", "[::]:5000", "[::1]:65535"})
    EXPECT_FALSE(fault_of_address(address)) << address;
  for (const auto* address :
       {"", "5000", ":5000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
        "localhost:5000", "::1:5000", "[::1]", "[::1]5000", "[127.0.0.1]:5000", "[::1:5000",
        "1.2.3:80", "127.0.0.1:-1", "127.0.0.1:80 "})
    EXPECT_TRUE(fault_of_address(address)) << address;
}

TEST(Grammar, UnixSockets) {
  const std::string longest = "/" + std::string(106, 'x');
  for (const auto& path :
       {std::string("/run/entrepot/mirror.sock"), std::string("/a b:0"), longest})
    EXPECT_FALSE(fault_of_address("unix:" + path)) << path;
  const auto fault = [](const std::string& path) {
    return fault_of_address("unix:" + path).value_or("");
  };
  for (const auto* path : {"", "mirror.sock", "./mirror.sock", "@mirror", "//"})
    EXPECT_NE(fault(path), "") << path;
  EXPECT_THAT(fault("mirror.sock"), HasSubstr("\"mirror.sock\" is not an absolute path"));
  EXPECT_THAT(fault("/run/entrepot/"), HasSubstr("is the name of a directory"));
  EXPECT_THAT(fault(longest + "x"),
              HasSubstr("has 108 bytes; the path of a socket has at most 107"));
  EXPECT_THAT(fault("/run/a\nb"), HasSubstr("holds a control character"));
  EXPECT_TRUE(fault_of_address("Unix:/run/a"));
  EXPECT_TRUE(is_unix("unix:a"));
  EXPECT_FALSE(is_unix("127.0.0.1:5000"));
  EXPECT_EQ(socket_path("unix:/run/a"), "/run/a");
}

TEST(Grammar, Urls) {
  for (const auto* url :
       {"https://registry-1.docker.io", "http://10.0.0.1:5000", "https://mirror.example/prefix/hub",
        "https://[fd00::1]:5000", "http://localhost:5000/", "https://UPPER.example"})
    EXPECT_FALSE(fault_of_url(url)) << url;
  for (const auto* url :
       {"", "registry-1.docker.io", "ftp://mirror.example", "https://", "https:///path",
        "https://mirror.example:0", "https://mirror.example:99999",
        "https://mirror.example:", "https://mir ror.example", "https://mirror.example/a b",
        "https://mirror.example/\x7f", "https://[::1", "https://-x.example",
        "HTTPS://mirror.example", "https://a.example/?ns=x", "https://a.example/#top"})
    EXPECT_TRUE(fault_of_url(url)) << url;
}

TEST(Grammar, DoesNotRepeatSecretsInUrls) {
  for (const auto* url : {"https://u:hunter2@mirror.example", "ftp://u:hunter2@x",
                          "u:hunter2@mirror.example", "https://mirror.example/?token=hunter2"})
    EXPECT_THAT(fault_of_url(url).value_or(""), Not(HasSubstr("hunter2"))) << url;
}

TEST(Grammar, Names) {
  for (const auto* name :
       {"docker.io", "registry.example:5000", "localhost", "hub", "a-b_c.example", "10.0.0.1:80"})
    EXPECT_FALSE(fault_of_name(name)) << name;
  for (const auto* name : {"", "Docker.io", "docker.io/library", "-docker.io", "docker.io.",
                           "docker.io:", "docker.io:0", "docker.io:99999", "[::1]:80", "a b"})
    EXPECT_TRUE(fault_of_name(name)) << name;
}

TEST(Grammar, Hosts) {
  for (const auto* host : {"auth.docker.io", "localhost", "a-b_c.example", "10.0.0.1"})
    EXPECT_FALSE(fault_of_host(host)) << host;
  for (const auto* host : {"", "Auth.docker.io", "auth.docker.io:443", "https://auth.docker.io",
                           "auth.docker.io/token", "-a.io", "a.io.", "[::1]", "*.docker.io", "a b"})
    EXPECT_TRUE(fault_of_host(host)) << host;
}

TEST(Grammar, Regexes) {
  for (const char* host : {"entrepot", "entrepot.example", "a-b_c.1"})
    EXPECT_FALSE(fault_of_host(host)) << host;
  for (const char* host : {"", "Entrepot", "a b", "a:5080", "*.example", ".a", "a.", "[::1]"})
    EXPECT_TRUE(fault_of_host(host)) << host;
  EXPECT_FALSE(fault_of_regex("^v?[0-9]+$"));
  EXPECT_TRUE(fault_of_regex(""));
  EXPECT_TRUE(fault_of_regex("(open"));
  EXPECT_TRUE(fault_of_regex("["));
  EXPECT_TRUE(fault_of_regex("(a)\\1"));
  EXPECT_TRUE(fault_of_regex("^(?!latest)"));
  EXPECT_TRUE(fault_of_regex("((a{100}){100}){100}"));
  EXPECT_TRUE(fault_of_regex(std::string(1025, 'x')));
}

TEST(Grammar, AccountsAtAProxy) {
  const auto fault = [](std::string_view url, std::string user, std::string password) {
    return fault_of_proxy_account(url, {std::move(user), "file", std::move(password)}).value_or("");
  };
  EXPECT_EQ(fault("http://p:1", "me", "p@ss: w\xC3\xB6rd"), "");
  for (const char* bad : {"a\tb", "a\nb", "\x7F"}) {
    EXPECT_THAT(fault("http://p:1", "me", bad), testing::HasSubstr("the password holds a control"));
    EXPECT_THAT(fault("http://p:1", bad, "x"), testing::HasSubstr("the user name holds a control"));
  }
  EXPECT_EQ(fault("http://p:1", "me", std::string(300, 'x')), "");
  EXPECT_EQ(fault("socks5h://p:1", "me", std::string(255, 'x')), "");
  EXPECT_THAT(fault("socks5h://p:1", "me", std::string(256, 'x')), testing::HasSubstr("255 bytes"));
}

}  // namespace
}  // namespace entrepot::conf
