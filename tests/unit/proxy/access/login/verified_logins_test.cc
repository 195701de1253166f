// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/verified_logins.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace entrepot::access {
namespace {

using namespace std::chrono_literals;

constexpr VerifiedLogins::Clock::time_point start{1000h};

TEST(VerifiedLogins, RemembersARightPassword) {
  VerifiedLogins logins;
  EXPECT_EQ(logins.recall("ci", "secret", "$2y$hash", start), LoginMemory::none);
  logins.remember("ci", "secret", "$2y$hash", true, start);
  EXPECT_EQ(logins.recall("ci", "secret", "$2y$hash", start), LoginMemory::right);
  EXPECT_EQ(logins.recall("ci", "secret", "$2y$hash", start + 59min), LoginMemory::right);
  EXPECT_EQ(logins.recall("ci", "secret", "$2y$hash", start + 60min), LoginMemory::none);
}

TEST(VerifiedLogins, AnyOtherPartIsAnotherLogin) {
  VerifiedLogins logins;
  logins.remember("ci", "secret", "$2y$hash", true, start);
  EXPECT_EQ(logins.recall("zoe", "secret", "$2y$hash", start), LoginMemory::none);
  EXPECT_EQ(logins.recall("ci", "Secret", "$2y$hash", start), LoginMemory::none);
  EXPECT_EQ(logins.recall("ci", "secret", "$2y$other", start), LoginMemory::none);
  // The borders between the parts count.
  EXPECT_EQ(logins.recall("cis", "ecret", "$2y$hash", start), LoginMemory::none);
  EXPECT_EQ(logins.recall("ci", "secret$", "2y$hash", start), LoginMemory::none);
}

TEST(VerifiedLogins, RemembersAWrongPasswordForSeconds) {
  VerifiedLogins logins;
  logins.remember("ci", "wrong", "$2y$hash", false, start);
  EXPECT_EQ(logins.recall("ci", "wrong", "$2y$hash", start + 9s), LoginMemory::wrong);
  EXPECT_EQ(logins.recall("ci", "wrong", "$2y$hash", start + 10s), LoginMemory::none);
}

TEST(VerifiedLogins, WrongLoginsDisplaceNoRightOnes) {
  VerifiedLogins logins({.right_entries = 64, .wrong_entries = 64});
  logins.remember("ci", "secret", "$2y$hash", true, start);
  for (int i = 0; i < 10'000; ++i)
    logins.remember("ci", std::to_string(i), "$2y$hash", false, start);
  EXPECT_EQ(logins.recall("ci", "secret", "$2y$hash", start), LoginMemory::right);
}

TEST(VerifiedLogins, InstancesHaveKeysOfTheirOwn) {
  const KeyedHash first, second;
  const std::string_view texts[] = {"a", "b"};
  EXPECT_EQ(first.of(texts), first.of(texts));
  EXPECT_NE(first.of(texts), second.of(texts));
}

TEST(VerifiedLogins, ZeroBytesAreNoBorder) {
  const KeyedHash keyed;
  const std::string joined = std::string("a") + std::string(8, '\0') + "b";
  const std::string_view three[] = {"a", "b", ""}, two[] = {joined, ""};
  EXPECT_NE(keyed.of(three), keyed.of(two));
}

TEST(VerifiedLogins, LongLoginsAreNotRemembered) {
  VerifiedLogins logins;
  const std::string huge(1 << 20, 'a');
  logins.remember("ci", huge, "$2y$hash", true, start);
  EXPECT_EQ(logins.recall("ci", huge, "$2y$hash", start), LoginMemory::none);
  // The longest login that verify() accepts.
  const std::string user(255, 'u'), password(511, 'p'), hash(200, 'h');
  logins.remember(user, password, hash, true, start);
  EXPECT_EQ(logins.recall(user, password, hash, start), LoginMemory::right);
}

TEST(VerifiedLogins, AreSharedByThreads) {
  VerifiedLogins logins;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&logins, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string password = std::to_string(i % 50);
        logins.remember("ci", password, "$2y$hash", t % 2 == 0, start);
        EXPECT_NE(logins.recall("ci", password, "$2y$hash", start), LoginMemory::none);
      }
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace entrepot::access
