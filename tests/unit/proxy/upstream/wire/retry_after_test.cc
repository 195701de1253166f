// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/retry_after.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

namespace entrepot::upstream {
namespace {

using std::chrono::seconds;

// --- Retry-After, ratelimit ---------------------------------------------------------------------

TEST(RetryAfter, TakesSecondsAndDatesAndClampsBoth) {
  const auto now = std::chrono::system_clock::from_time_t(1'700'000'000);  // 14 Nov 2023 22:13:20
  EXPECT_EQ(parse_retry_after("0", now), seconds(0));
  EXPECT_EQ(parse_retry_after(" 17 ", now), seconds(17));
  EXPECT_EQ(parse_retry_after("1000000000", now), max_retry_after);
  EXPECT_EQ(parse_retry_after("99999999999999999999999999", now), max_retry_after);
  EXPECT_EQ(parse_retry_after("Tue, 14 Nov 2023 22:14:20 GMT", now), seconds(60));
  EXPECT_EQ(parse_retry_after("Tue, 14 Nov 2023 22:10:00 GMT", now), seconds(0));
  EXPECT_EQ(parse_retry_after("Tue, 14 Nov 2034 22:10:00 GMT", now), max_retry_after);
  EXPECT_EQ(parse_retry_after("Fri, 31 Dec 3996 23:10:00 GMT", now), max_retry_after);
  for (const char* value : {"", "-5", "1.5", "soon", "1e9", "10 apples and pears"}) {
    EXPECT_EQ(parse_retry_after(value, now), std::nullopt) << value;
  }
}

TEST(Ratelimit, ReadsDockerHubsForm) {
  const auto limit = [](std::uint64_t count, std::optional<int> window = std::nullopt) {
    return RateLimit{count, window ? std::optional(std::chrono::seconds(*window)) : std::nullopt};
  };
  EXPECT_EQ(parse_ratelimit("20;w=21600"), limit(20, 21600));
  EXPECT_EQ(parse_ratelimit("20 ; w=60;comment=x"), limit(20, 60));
  EXPECT_EQ(parse_ratelimit(" 0"), limit(0));
  EXPECT_EQ(parse_ratelimit("100, 100;w=60"), limit(100)) << "of the first one";
  for (const char* value : {"7;w=", "7;w=x", "7;w=99999999999", "7;q=60"})
    EXPECT_EQ(parse_ratelimit(value), limit(7)) << value;
  for (const char* value : {"", ";w=1", "-1", "many", "20x", "99999999999999999999"}) {
    EXPECT_EQ(parse_ratelimit(value), std::nullopt) << value;
  }
}

}  // namespace
}  // namespace entrepot::upstream
