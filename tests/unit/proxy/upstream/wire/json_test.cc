// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/json.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace entrepot::upstream {
namespace {

TEST(Json, BoundsItsDepth) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(max_json_depth)).has_value());
  EXPECT_FALSE(parse_json(nested(max_json_depth + 1)).has_value());
  EXPECT_FALSE(parse_json(nested(100'000)).has_value());
  EXPECT_TRUE(json_depth_ok("\"" + std::string(100, '[') + "\\\"" + std::string(100, '{') + "\""));
  EXPECT_FALSE(parse_json("{\"a\":\"\xff\"}").has_value()) << "not UTF-8";
  EXPECT_FALSE(parse_json("").has_value());
}

}  // namespace
}  // namespace entrepot::upstream
