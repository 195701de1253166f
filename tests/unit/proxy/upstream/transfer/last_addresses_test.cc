// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/last_addresses.h"

#include <gtest/gtest.h>

namespace entrepot::upstream {
namespace {

constexpr LastAddresses::Time now{std::chrono::hours(1000)};

TEST(LastAddresses, TheLastOneForAnHour) {
  LastAddresses addresses;
  EXPECT_EQ(addresses.resolve_entry("a.example:443", now), "");
  addresses.answered("a.example:443", "192.0.2.1", now);
  addresses.answered("a.example:443", "192.0.2.2", now);
  EXPECT_EQ(addresses.resolve_entry("a.example:443", now), "+a.example:443:192.0.2.2");
  EXPECT_EQ(addresses.resolve_entry("a.example:80", now), "");
  EXPECT_NE(addresses.resolve_entry("a.example:443", now + LastAddresses::kept), "");
  EXPECT_EQ(
      addresses.resolve_entry("a.example:443", now + LastAddresses::kept + std::chrono::seconds(1)),
      "");
}

TEST(LastAddresses, SixIsWrittenInBrackets) {
  LastAddresses addresses;
  addresses.answered("a.example:443", "2001:db8::1", now);
  EXPECT_EQ(addresses.resolve_entry("a.example:443", now), "+a.example:443:[2001:db8::1]");
}

TEST(LastAddresses, TheOldestGoes) {
  LastAddresses addresses;
  for (std::size_t i = 0; i <= LastAddresses::most; ++i)
    addresses.answered("h" + std::to_string(i) + ":1", "192.0.2.1", now + std::chrono::seconds(i));
  EXPECT_EQ(addresses.resolve_entry("h0:1", now), "");
  EXPECT_NE(addresses.resolve_entry("h1:1", now), "");
}

}  // namespace
}  // namespace entrepot::upstream
