// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/utc_time.h"

#include <gtest/gtest.h>

namespace entrepot::access {
namespace {

using namespace std::chrono_literals;

TEST(UtcTime, ParsesAndPrints) {
  for (const auto* text : {"1970-01-01T00:00:00Z", "2026-11-30T10:00:00Z", "2024-02-29T23:59:59Z",
                           "9999-12-31T23:59:59Z"}) {
    const auto time = parse_utc_time(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(utc_time_text(*time), text);
  }
  // `date -u -d @1796032800`
  EXPECT_EQ(parse_utc_time("2026-11-30T10:00:00Z"), std::chrono::sys_seconds(1796032800s));
}

TEST(UtcTime, RefusesEverythingElse) {
  for (const auto* text : {"", "2026-11-30", "2026-11-30T10:00:00", "2026-11-30T10:00:00+01:00",
                           "2026-11-30 10:00:00Z", "2026-11-30t10:00:00z", "2026-11-30T10:00:00.5Z",
                           "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-30T00:00:00Z",
                           "2025-02-29T00:00:00Z", "2026-11-30T24:00:00Z", "2026-11-30T10:60:00Z",
                           "2026-11-30T10:00:60Z", "1969-12-31T23:59:59Z", "+026-11-30T10:00:00Z",
                           "2026-11-30T10:00:00ZZ"})
    EXPECT_EQ(parse_utc_time(text), std::nullopt) << text;
}

}  // namespace
}  // namespace entrepot::access
