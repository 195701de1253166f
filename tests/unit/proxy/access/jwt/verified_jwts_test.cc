// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/verified_jwts.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace entrepot::access {
namespace {

std::shared_ptr<const Identity> identity_of(const std::string& user) {
  auto made = std::make_shared<Identity>();
  made->user = user;
  return made;
}
VerifiedJwts::Key key_of_token(const std::string& token) { return VerifiedJwts::key_of({}, token); }

/// How many of the tokens "0" to "n - 1" are remembered.
int remembered(VerifiedJwts& memory, int n) {
  int count = 0;
  for (int i = 0; i < n; ++i)
    count += memory.find(key_of_token(std::to_string(i))) == nullptr ? 0 : 1;
  return count;
}

TEST(VerifiedJwts, RemembersATokenUnderItsIssuers) {
  VerifiedJwts memory;
  EXPECT_EQ(memory.find(key_of_token("token")), nullptr);
  memory.remember(key_of_token("token"), identity_of("alice"));
  ASSERT_NE(memory.find(key_of_token("token")), nullptr);
  EXPECT_EQ(memory.find(key_of_token("token"))->user, "alice");
  EXPECT_EQ(memory.find(key_of_token("token2")), nullptr);
  EXPECT_EQ(memory.find(VerifiedJwts::key_of({1}, "token")), nullptr) << "of other keys";
}

TEST(VerifiedJwts, HasABound) {
  VerifiedJwts memory(1 << 16);
  for (int i = 0; i < 10'000; ++i)
    memory.remember(key_of_token(std::to_string(i)), identity_of("alice"));
  const int count = remembered(memory, 10'000);
  EXPECT_GT(count, 50);
  EXPECT_LT(count, (1 << 16) / 192);
}

TEST(VerifiedJwts, ATokenInUseStays) {
  VerifiedJwts memory(1 << 16);
  memory.remember(key_of_token("used"), identity_of("alice"));
  for (int i = 0; i < 10'000; ++i) {
    memory.remember(key_of_token(std::to_string(i)), identity_of("bob"));
    ASSERT_NE(memory.find(key_of_token("used")), nullptr) << i;
  }
  EXPECT_EQ(memory.find(key_of_token("0")), nullptr);
}

TEST(VerifiedJwts, ATooLargeIdentityIsNotRemembered) {
  VerifiedJwts memory(1 << 16);
  memory.remember(key_of_token("0"), identity_of("alice"));
  memory.remember(key_of_token("large"), identity_of(std::string(1 << 13, 'a')));
  EXPECT_EQ(memory.find(key_of_token("large")), nullptr);
  EXPECT_NE(memory.find(key_of_token("0")), nullptr) << "nothing left for it";
}

TEST(VerifiedJwts, ATokenThatIsRememberedTwiceCountsOnce) {
  VerifiedJwts memory(1 << 16);
  for (int i = 0; i < 1000; ++i) memory.remember(key_of_token("same"), identity_of("alice"));
  for (int i = 0; i < 8; ++i) memory.remember(key_of_token(std::to_string(i)), identity_of("bob"));
  EXPECT_EQ(remembered(memory, 8), 8);
  EXPECT_NE(memory.find(key_of_token("same")), nullptr);
}

}  // namespace
}  // namespace entrepot::access
