// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/ip_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>

namespace entrepot {
namespace {

std::string round_trip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  return address ? address->text() : "nothing";
}

sockaddr_storage socket_v4(const char* text) {
  sockaddr_storage storage{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(5000);
  ::inet_pton(AF_INET, text, &v4.sin_addr);
  return storage;
}

sockaddr_storage socket_v6(const char* text) {
  sockaddr_storage storage{};
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(5000);
  v6.sin6_scope_id = 3;
  ::inet_pton(AF_INET6, text, &v6.sin6_addr);
  return storage;
}

TEST(IpAddress, DefaultIsUnknown) {
  EXPECT_FALSE(IpAddress().known());
  EXPECT_FALSE(IpAddress().is_v4());
  EXPECT_EQ(IpAddress().text(), "unknown address");
  sockaddr_storage unix_socket{};
  unix_socket.ss_family = AF_UNIX;
  EXPECT_EQ(IpAddress::of(unix_socket), IpAddress());
}

TEST(IpAddress, ParsesBothFamilies) {
  EXPECT_EQ(round_trip("10.0.0.7"), "10.0.0.7");
  EXPECT_EQ(round_trip("0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(round_trip("255.255.255.255"), "255.255.255.255");
  EXPECT_EQ(round_trip("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
  EXPECT_EQ(round_trip("::1"), "::1");
  EXPECT_EQ(round_trip("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"),
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

TEST(IpAddress, MappedAddressIsTheV4Address) {
  EXPECT_EQ(IpAddress::parse("::ffff:10.0.0.7"), IpAddress::parse("10.0.0.7"));
  EXPECT_EQ(IpAddress::of(socket_v6("::ffff:10.0.0.7")), IpAddress::of(socket_v4("10.0.0.7")));
  EXPECT_TRUE(IpAddress::of(socket_v6("::ffff:10.0.0.7")).is_v4());
  EXPECT_FALSE(IpAddress::of(socket_v6("2001:db8::7")).is_v4());
}

TEST(IpAddress, PortAndZoneOfASocketAreLeftOut) {
  EXPECT_EQ(IpAddress::of(socket_v4("10.0.0.7")).text(), "10.0.0.7");
  EXPECT_EQ(IpAddress::of(socket_v6("fe80::7")).text(), "fe80::7");
}

TEST(IpAddress, RefusesEverythingElse) {
  for (const std::string_view text :
       {std::string_view(""), std::string_view("10.0.0"), std::string_view("10.0.0.256"),
        std::string_view("010.0.0.1"), std::string_view("10.0.0.1:80"), std::string_view("[::1]"),
        std::string_view("fe80::1%eth0"), std::string_view(" ::1"), std::string_view("::1 "),
        std::string_view("localhost"), std::string_view("10.0.0.7\0", 9),
        std::string_view("1:2:3:4:5:6:7:8:9"),
        std::string_view("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000")})
    EXPECT_EQ(IpAddress::parse(text), std::nullopt) << text;
}

}  // namespace
}  // namespace entrepot
