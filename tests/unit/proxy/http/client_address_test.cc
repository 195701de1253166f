// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/client_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace entrepot::http {
namespace {

ClientAddress address(const char* text) {
  sockaddr_storage storage{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1) << text;
    v6.sin6_family = AF_INET6;
  }
  v4.sin_port = htons(41000);
  return ClientAddress::of(storage);
}

TEST(ClientAddress, DoesNotDependOnThePort) {
  sockaddr_storage storage{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(1);
  const ClientAddress first = ClientAddress::of(storage);
  v4.sin_port = htons(2);
  EXPECT_EQ(ClientAddress::of(storage), first);
}

TEST(ClientAddress, IsTheSameForAnIpv6NetworkOf64Bits) {
  EXPECT_EQ(address("2001:db8:0:1::7"), address("2001:db8:0:1:ffff::8"));
  EXPECT_NE(address("2001:db8:0:1::7"), address("2001:db8:0:2::7"));
  EXPECT_NE(address("10.0.0.7"), address("10.0.0.8"));
}

TEST(ClientAddress, IsTheSameOnIpv4AndIpv6Sockets) {
  EXPECT_EQ(address("::ffff:10.0.0.7"), address("10.0.0.7"));
}

TEST(ClientAddress, IsTheUserOnAUnixSocket) {
  EXPECT_EQ(ClientAddress::of_user(1000), ClientAddress::of_user(1000));
  EXPECT_NE(ClientAddress::of_user(1000), ClientAddress::of_user(1001));
  for (const std::uint32_t uid : {0U, 1000U, 0xffffffffU}) {
    EXPECT_EQ(ClientAddress::of_user(uid).text(), "uid " + std::to_string(uid));
    EXPECT_NE(ClientAddress::of_user(uid), ClientAddress());
  }
}

TEST(ClientAddress, DiffersBetweenUsersAndAddresses) {
  EXPECT_NE(ClientAddress::of_user(0x0a000007), address("10.0.0.7"));
  // Networks with the values of an IPv4 address and of a user; no host has them (RFC 4291 §2.4).
  EXPECT_NE(address("0:ffff:a00:7::1"), address("10.0.0.7"));
  EXPECT_NE(address("0:fffe:0:3e8::1"), ClientAddress::of_user(1000));
  EXPECT_EQ(address("0:fffe:0:3e8::1"), address("0:ffff:a00:7::1"));
  // That of the translation of IPv4 addresses (RFC 6052) is another one.
  EXPECT_EQ(address("64:ff9b::a00:7").text(), "64:ff9b::/64");
}

TEST(ClientAddress, HasATextForTheLog) {
  for (const char* text : {"10.0.0.7", "255.255.255.255", "0.0.0.0", "::1"}) {
    EXPECT_EQ(address(text).text(), text);
    EXPECT_NE(address(text).value(), 0U);
  }
  EXPECT_EQ(address("2001:db8:0:1::7").text(), "2001:db8:0:1::/64");
  EXPECT_EQ(address("::ffff:10.0.0.7").text(), "10.0.0.7");
  EXPECT_EQ(ClientAddress().text(), "no address");
}

}  // namespace
}  // namespace entrepot::http
