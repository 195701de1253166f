// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace entrepot {
namespace {

using testing::HasSubstr;

Network network(std::string_view text) { return std::get<Network>(Network::parse(text)); }
std::string fault_of_network(std::string_view text) {
  const auto parsed = Network::parse(text);
  const auto* fault = std::get_if<Fault>(&parsed);
  return fault == nullptr ? "no fault" : fault->text;
}
bool contains(std::string_view text, std::string_view address) {
  return network(text).contains(*IpAddress::parse(address));
}

TEST(Network, ContainsTheAddressesOfItsPrefix) {
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
  EXPECT_FALSE(contains("10.0.0.0/8", "9.255.255.255"));
  EXPECT_TRUE(contains("10.4.0.0/14", "10.7.255.255"));
  EXPECT_FALSE(contains("10.4.0.0/14", "10.8.0.0"));
  EXPECT_TRUE(contains("192.168.1.254/31", "192.168.1.255"));
  EXPECT_TRUE(contains("2001:db8::/32", "2001:db8:ffff::1"));
  EXPECT_FALSE(contains("2001:db8::/32", "2001:db9::"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::"));
}

TEST(Network, AnAddressAloneIsANetworkOfOne) {
  EXPECT_TRUE(contains("10.0.0.7", "10.0.0.7"));
  EXPECT_FALSE(contains("10.0.0.7", "10.0.0.6"));
  EXPECT_EQ(network("10.0.0.7"), network("10.0.0.7/32"));
  EXPECT_TRUE(contains("2001:db8::7", "2001:db8::7"));
  EXPECT_FALSE(contains("2001:db8::7", "2001:db8::6"));
}

TEST(Network, PrefixZeroIsAWholeFamily) {
  EXPECT_TRUE(contains("0.0.0.0/0", "203.0.113.7"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::7"));
  EXPECT_TRUE(contains("::/0", "2001:db8::7"));
  EXPECT_FALSE(contains("::/0", "203.0.113.7"));
  EXPECT_FALSE(contains("::/0", "::ffff:203.0.113.7"));
}

TEST(Network, MappedNetworkIsTheV4Network) {
  EXPECT_EQ(network("::ffff:10.0.0.0/104"), network("10.0.0.0/8"));
  EXPECT_TRUE(contains("10.0.0.0/8", "::ffff:10.0.0.7"));
}

TEST(Network, DoesNotContainAnUnknownAddress) {
  for (const auto* text : {"0.0.0.0/0", "::/0", "10.0.0.0/8"})
    EXPECT_FALSE(network(text).contains(IpAddress())) << text;
}

TEST(Network, Text) {
  for (const auto* text : {"10.0.0.0/8", "10.0.0.7/32", "0.0.0.0/0", "2001:db8::/32", "::/0"})
    EXPECT_EQ(network(text).text(), text);
}

TEST(Network, BitsBeyondThePrefixAreAFaultWithTheRightForm) {
  EXPECT_EQ(fault_of_network("10.0.0.1/8"),
            "\"10.0.0.1/8\" has bits beyond the prefix; write 10.0.0.0/8");
  EXPECT_THAT(fault_of_network("10.7.0.0/14"), HasSubstr("write 10.4.0.0/14"));
  EXPECT_THAT(fault_of_network("2001:db8::1/64"), HasSubstr("write 2001:db8::/64"));
  EXPECT_THAT(fault_of_network("::1/0"), HasSubstr("write ::/0"));
  EXPECT_THAT(fault_of_network("10.0.0.1/0"), HasSubstr("write 0.0.0.0/0"));
}

TEST(Network, RefusesEverythingElse) {
  for (const auto* text : {"", "/", "/8", "ten/8", "10.0.0/8", "10.0.0.0:80", "[::1]", "example"})
    EXPECT_THAT(fault_of_network(text), HasSubstr("is no network; write")) << text;
  for (const auto* text : {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/a",
                           "10.0.0.0/255.0.0.0", "10.0.0.0/99999999999999999999"})
    EXPECT_THAT(fault_of_network(text), HasSubstr("from 0 to 32")) << text;
  EXPECT_THAT(fault_of_network("2001:db8::/129"), HasSubstr("from 0 to 128"));
  EXPECT_THAT(fault_of_network("::"), HasSubstr("::/0"));
}

}  // namespace
}  // namespace entrepot
