// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/secret.h"

#include <gtest/gtest.h>

namespace entrepot {
namespace {

TEST(SecretMarks, AreEqualForEqualSecrets) {
  const SecretMarks marks;
  EXPECT_EQ(marks.of("secret"), marks.of("secret"));
  EXPECT_NE(marks.of("secret"), marks.of("secreT"));
  EXPECT_NE(marks.of(""), marks.of("secret"));
  EXPECT_EQ(marks.of("secret").size(), 32U);
  EXPECT_EQ(marks.of("secret").find("secret"), std::string::npos);
}

TEST(SecretMarks, SayNothingElsewhere) {
  EXPECT_NE(SecretMarks().of("secret"), SecretMarks().of("secret"));
}

TEST(Wipe, Clears) {
  std::string secret = "secret";
  wipe(secret);
  EXPECT_TRUE(secret.empty());
}

}  // namespace
}  // namespace entrepot
