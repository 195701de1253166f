// SPDX-License-Identifier: Apache-2.0
#include "conf/json/units.h"

#include <gtest/gtest.h>

namespace entrepot::conf {
namespace {

using namespace std::chrono_literals;

TEST(Units, ParsesSizes) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("512"), 512U);
  EXPECT_EQ(parse_size("64KiB"), 65'536U);
  EXPECT_EQ(parse_size("10MiB"), 10'485'760U);
  EXPECT_EQ(parse_size("5GiB"), 5'368'709'120U);
  EXPECT_EQ(parse_size("2TiB"), 2'199'023'255'552U);
  EXPECT_EQ(parse_size("8388607TiB"), 8'388'607ULL << 40);
}

TEST(Units, RejectsInvalidSizes) {
  for (const auto* text : {"", "GiB", "10 GiB", "10GB", "10gib", "1.5GiB", "-1", "+1", "0x10",
                           "10GiB ", "8388608TiB", "99999999999999999999", "9223372036854775808"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Units, ParsesPercentages) {
  EXPECT_EQ(parse_percent("0%"), 0);
  EXPECT_EQ(parse_percent("80%"), 80);
  EXPECT_EQ(parse_percent("100%"), 100);
  for (const auto* text : {"", "%", "80", "101%", "-1%", "1.5%", "80 %", "80%%", " 80%", "1KiB%"})
    EXPECT_FALSE(parse_percent(text)) << text;
}

TEST(Units, ParsesDurations) {
  EXPECT_EQ(parse_duration("0s"), 0ms);
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("60s"), 60s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("24h"), 24h);
  EXPECT_EQ(parse_duration("7d"), 168h);
  EXPECT_EQ(parse_duration("3650d"), 87'600h);
}

TEST(Units, RejectsInvalidDurations) {
  for (const auto* text : {"", "s", "60", "60 s", "1.5s", "-1s", "60sec", "1h30m", "3651d",
                           "99999999999999999999s", "5M"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Units, Modes) {
  EXPECT_EQ(parse_mode("0660"), 0660U);
  EXPECT_EQ(parse_mode("666"), 0666U);
  EXPECT_EQ(parse_mode("000"), 0U);
  EXPECT_EQ(parse_mode("0777"), 0777U);
  for (const auto* bad :
       {"", "0", "66", "1777", "0888", "00660", "+66", "-66", "0x6", "rw-", "660 "})
    EXPECT_EQ(parse_mode(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace entrepot::conf
