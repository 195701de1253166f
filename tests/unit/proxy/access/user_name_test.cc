// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/user_name.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::access {
namespace {

TEST(UserName, Faults) {
  EXPECT_EQ(fault_of_user_name("ci"), std::nullopt);
  EXPECT_EQ(fault_of_user_name("Jörg Müller@example"), std::nullopt);
  EXPECT_EQ(fault_of_user_name(std::string(255, 'a')), std::nullopt);
  EXPECT_NE(fault_of_user_name(std::string(256, 'a')), std::nullopt);
  EXPECT_NE(fault_of_user_name(""), std::nullopt);
  EXPECT_NE(fault_of_user_name("a:b"), std::nullopt);
  EXPECT_NE(fault_of_user_name("a\tb"), std::nullopt);
  EXPECT_NE(fault_of_user_name("a\x7f"), std::nullopt);
  EXPECT_NE(fault_of_user_name(std::string_view("a\0", 2)), std::nullopt);
}

}  // namespace
}  // namespace entrepot::access
