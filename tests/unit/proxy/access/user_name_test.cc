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

TEST(UserName, ANameOfALoginMayHaveColons) {
  EXPECT_EQ(fault_of_login_name("system:serviceaccount:ci:builder"), std::nullopt);
  EXPECT_EQ(fault_of_login_name(std::string(512, 'a')), std::nullopt);
  EXPECT_NE(fault_of_login_name(std::string(513, 'a')), std::nullopt);
  EXPECT_NE(fault_of_login_name(""), std::nullopt);
  EXPECT_NE(fault_of_login_name("a	b"), std::nullopt);
}

}  // namespace
}  // namespace entrepot::access
