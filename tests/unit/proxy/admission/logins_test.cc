// SPDX-License-Identifier: Apache-2.0
#include "proxy/admission/logins.h"

#include <crypt.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/fakes/hand_executor.h"
#include "tests/unit/proxy/access/jwt/signing_key.h"

namespace entrepot::admission {
namespace {

using access::Authorization;
using metrics::LoginResult;

std::string hash_of(const std::string& password) {
  crypt_data data{};
  return ::crypt_r(password.c_str(), "$2y$04$abcdefghijklmnopqrstuu", &data);
}

/// "Basic" with base64 of "alice:right", "alice:wrong" and "bob:right".
constexpr char alice_right[] = "Basic YWxpY2U6cmlnaHQ=";
constexpr char alice_wrong[] = "Basic YWxpY2U6d3Jvbmc=";
constexpr char bob_right[] = "Basic Ym9iOnJpZ2h0";

class LoginsTest : public testing::Test {
 protected:
  LoginsTest() {
    auto made = std::make_shared<ListenerRules>();
    made->logins = true;
    made->users = std::get<access::PasswordFile>(
        access::PasswordFile::parse("alice:" + hash_of("right") + "\n"));
    rules = made;
  }

  void TearDown() override { finish(); }  // the jobs of the pool use the members after it

  /// Begins a hash, whose result goes to `results`. False: too many wait.
  bool hash(const char* field, std::uint64_t client = 1,
            const std::shared_ptr<cache::Left>& left = std::make_shared<cache::Left>(false)) {
    return logins.verify(
        *rules, Authorization::parse(field),
        {client, loop, left, [this](const Logins::Result& result) { results.push_back(result); }});
  }
  std::optional<Logins::Result> recall(const char* field) {
    return logins.recall(*rules, Authorization::parse(field));
  }
  /// Waits until the pool has run all jobs so far, and runs what they posted.
  void finish() {
    std::promise<void> done;
    pool.post([&] { done.set_value(); });
    done.get_future().wait();
    loop.run();
  }
  /// Keeps the pool busy until the result is fulfilled.
  std::promise<void> occupy() {
    std::promise<void> end;
    pool.post([until = std::make_shared<std::future<void>>(end.get_future())] { until->wait(); });
    return end;
  }

  metrics::Metrics metrics{{}};
  fakes::HandExecutor loop;
  loop::StorePool pool{"login", 1, metrics.job_failures(metrics::JobPool::login)};
  std::shared_ptr<const ListenerRules> rules;
  Logins logins{pool, metrics};
  std::vector<Logins::Result> results;
};

TEST_F(LoginsTest, APasswordIsHashedOnce) {
  EXPECT_FALSE(recall(alice_right));
  EXPECT_TRUE(hash(alice_right));
  finish();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].result, LoginResult::ok);
  EXPECT_EQ(results[0].user, "alice");
  const auto remembered = recall(alice_right);
  ASSERT_TRUE(remembered);
  EXPECT_EQ(remembered->result, LoginResult::ok);
}

TEST_F(LoginsTest, AWrongPasswordAndAnUnknownUserAreRememberedApart) {
  hash(alice_wrong);
  hash(bob_right);
  finish();
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].result, LoginResult::wrong_password);
  EXPECT_EQ(results[1].result, LoginResult::unknown_user);
  EXPECT_EQ(recall(alice_wrong)->result, LoginResult::wrong_password);
  EXPECT_EQ(recall(bob_right)->result, LoginResult::unknown_user);
  EXPECT_FALSE(recall(alice_right)) << "one wrong password says nothing about another";
}

TEST_F(LoginsTest, OneClientMayNotOccupyTheQueue) {
  auto end = occupy();
  for (std::size_t i = 0; i < Logins::most_waiting_each; ++i) EXPECT_TRUE(hash(alice_wrong, 1));
  EXPECT_FALSE(hash(alice_wrong, 1));
  EXPECT_TRUE(hash(alice_right, 2)) << "another client waits";
  end.set_value();
  finish();
  EXPECT_EQ(results.size(), Logins::most_waiting_each + 1);
  EXPECT_TRUE(hash(alice_wrong, 1)) << "the places are free again";
}

TEST_F(LoginsTest, AllClientsTogetherHaveABound) {
  auto end = occupy();
  std::uint64_t client = 1;
  for (std::size_t i = 0; i < Logins::most_waiting; ++i)
    EXPECT_TRUE(hash(alice_wrong, client += i % Logins::most_waiting_each == 0));
  EXPECT_FALSE(hash(alice_right, client + 1));
  end.set_value();
  finish();
  EXPECT_EQ(results.size(), Logins::most_waiting);
}

TEST_F(LoginsTest, NothingIsHashedForAClientThatHasLeft) {
  auto end = occupy();
  const auto left = std::make_shared<cache::Left>(false);
  EXPECT_TRUE(hash(alice_right, 1, left));
  left->store(true);
  end.set_value();
  finish();
  ASSERT_EQ(results.size(), 1U) << "what the waiter holds returns to its loop";
  EXPECT_EQ(results[0].result, LoginResult::busy);
  EXPECT_FALSE(recall(alice_right)) << "the password was hashed";
}

TEST_F(LoginsTest, OtherSchemesAreRefusedAtOnce) {
  for (const char* field : {"Digest username=alice", "Negotiate YII=", "Basic !", "Bearer"})
    EXPECT_EQ(recall(field).value().result, LoginResult::unsupported) << field;
  EXPECT_EQ(recall("Bearer abc").value().result, LoginResult::unknown_token);
}

/// As above, with an issuer of JWTs besides.
class JwtLoginsTest : public LoginsTest {
 protected:
  JwtLoginsTest() { rules = rules_of(key, "entrepot", 1); }

  /// Rules with alice's password and an issuer.
  static std::shared_ptr<const ListenerRules> rules_of(const access::SigningKey& signer,
                                                       const std::string& audience,
                                                       std::uint8_t digest) {
    auto made = std::make_shared<ListenerRules>();
    made->logins = true;
    made->users = std::get<access::PasswordFile>(
        access::PasswordFile::parse("alice:" + hash_of("right") + "\n"));
    std::vector<access::Issuer> issuers;
    issuers.push_back({.name = "https://issuer",
                       .audiences = {audience},
                       .keys = std::get<access::KeySet>(access::KeySet::parse(signer.pem())),
                       .user = std::get<access::ClaimName>(access::ClaimName::parse("sub")),
                       .groups = {}});
    made->issuers =
        std::make_shared<const access::Issuers>(std::move(issuers), access::Sha256{digest});
    return made;
  }
  /// A field with a token that ends in an hour, or has ended before.
  std::string field(const std::string& user, int seconds = 3600) const {
    const auto end = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()) +
                     static_cast<std::time_t>(seconds);
    return "Bearer " + key.token(access::JwtAlgorithm::es256,
                                 R"({"iss":"https://issuer","aud":"entrepot","sub":")" + user +
                                     R"(","azp":"ci","exp":)" + std::to_string(end) + "}");
  }

  const access::SigningKey key{access::KeyType::p256};
};

TEST_F(JwtLoginsTest, ATokenIsVerifiedOnce) {
  const std::string token = field("bob");
  EXPECT_FALSE(recall(token.c_str()));
  EXPECT_TRUE(hash(token.c_str()));
  finish();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].result, LoginResult::ok);
  EXPECT_EQ(results[0].user, "bob");
  ASSERT_NE(results[0].identity, nullptr);
  EXPECT_TRUE(results[0].identity->claims.match("/azp", access::Glob("ci")));
  const auto remembered = recall(token.c_str());
  ASSERT_TRUE(remembered);
  EXPECT_EQ(remembered->result, LoginResult::ok);
  EXPECT_EQ(remembered->identity, results[0].identity);
}

TEST_F(JwtLoginsTest, OtherKeysOrSettingsEndTheMemoryOfAToken) {
  const std::string token = field("bob");
  hash(token.c_str());
  finish();
  ASSERT_TRUE(recall(token.c_str()));
  rules = rules_of(key, "other", 2);
  EXPECT_FALSE(recall(token.c_str()));
  hash(token.c_str());
  finish();
  EXPECT_EQ(results.back().result, LoginResult::jwt_audience);
  EXPECT_EQ(results.back().user, "bob");
  EXPECT_EQ(results.back().identity, nullptr);
}

TEST_F(JwtLoginsTest, ARefusedTokenIsNotRemembered) {
  const std::string token = field("bob", -3600);
  hash(token.c_str());
  finish();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].result, LoginResult::jwt_expired);
  EXPECT_FALSE(recall(token.c_str()));
}

TEST_F(JwtLoginsTest, ATokenGetsTheNameOfNoUserOfTheFile) {
  const std::string token = field("alice");
  hash(token.c_str());
  finish();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].result, LoginResult::jwt_user);
  EXPECT_EQ(results[0].identity, nullptr);
  EXPECT_EQ(recall(token.c_str())->result, LoginResult::jwt_user) << "from memory too";
}

TEST_F(JwtLoginsTest, PasswordsAreHashedAsBefore) {
  EXPECT_TRUE(hash(alice_right));
  finish();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].result, LoginResult::ok);
  EXPECT_EQ(results[0].identity, nullptr);
  EXPECT_EQ(recall("Bearer abc").value().result, LoginResult::unknown_token);
}

TEST(ListenerRules, WithoutSettingsEveryRequestIsServedUnseen) {
  ListenerRules rules;
  EXPECT_TRUE(rules.open());
  EXPECT_TRUE(rules.serves({}));
  EXPECT_FALSE(rules.refusal({}, "docker.io", "library/alpine"));
}

TEST(ListenerRules, WithLoginsAndWithoutRulesANameIsEnough) {
  ListenerRules rules;
  rules.named_only = true;
  EXPECT_FALSE(rules.open());
  EXPECT_FALSE(rules.serves({}));
  EXPECT_EQ(rules.refusal({}, "docker.io", "a"), metrics::AccessRefusal::rules);
  access::Caller caller;
  caller.user = "alice";
  EXPECT_TRUE(rules.serves(caller));
  EXPECT_FALSE(rules.refusal(caller, "docker.io", "a"));
}

TEST(ListenerRules, DenyListsDoNotReplaceTheNeedForALogin) {
  ListenerRules rules;
  rules.named_only = true;
  access::RulesText text;
  text.deny["docker.io"] = {"*/miner"};
  rules.access =
      std::make_shared<const access::Rules>(std::get<access::Rules>(access::Rules::parse(text)));
  EXPECT_EQ(rules.refusal({}, "docker.io", "a/b"), metrics::AccessRefusal::rules);
  access::Caller caller;
  caller.user = "alice";
  EXPECT_FALSE(rules.refusal(caller, "docker.io", "a/b"));
  EXPECT_EQ(rules.refusal(caller, "docker.io", "a/miner"), metrics::AccessRefusal::deny_list);
}

TEST(ListenerRules, AnUnknownAddressIsInNoNetwork) {
  ListenerRules rules;
  EXPECT_TRUE(rules.admits({}));
  rules.networks.push_back(std::get<Network>(Network::parse("0.0.0.0/0")));
  EXPECT_FALSE(rules.admits({}));
  EXPECT_TRUE(rules.admits(*IpAddress::parse("10.0.0.1")));
}

}  // namespace
}  // namespace entrepot::admission
