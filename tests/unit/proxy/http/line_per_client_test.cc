// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/line_per_client.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstdint>

namespace entrepot::http {
namespace {

ClientAddress numbered_client(std::uint32_t number) {
  sockaddr_storage storage{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x0a000000U + number);
  return ClientAddress::of(storage);
}

const LinePerClient::Clock::time_point start{std::chrono::hours(1000)};

TEST(LinePerClient, GivesEachClientOneLineAnHour) {
  LinePerClient lines;
  EXPECT_TRUE(lines.take(numbered_client(1), start));
  EXPECT_FALSE(lines.take(numbered_client(1), start));
  EXPECT_TRUE(lines.take(numbered_client(2), start + std::chrono::minutes(30)));
  EXPECT_FALSE(lines.take(numbered_client(1), start + std::chrono::minutes(59)));
  EXPECT_TRUE(lines.take(numbered_client(1), start + std::chrono::minutes(60)));
  EXPECT_FALSE(lines.take(numbered_client(2), start + std::chrono::minutes(60)));
}

TEST(LinePerClient, IsSilentAboutMoreClientsThanItRemembers) {
  LinePerClient lines;
  for (std::uint32_t i = 0; i < LinePerClient::most; ++i)
    ASSERT_TRUE(lines.take(numbered_client(i), start));
  EXPECT_FALSE(lines.take(numbered_client(LinePerClient::most), start));
  EXPECT_FALSE(lines.take(numbered_client(0), start));
  EXPECT_TRUE(lines.take(numbered_client(LinePerClient::most), start + LinePerClient::period));
}

}  // namespace
}  // namespace entrepot::http
