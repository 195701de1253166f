// SPDX-License-Identifier: Apache-2.0
// The memory of tokens and its bounds.
#include "proxy/upstream/auth/tokens.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "proxy/upstream/auth/token_fetch.h"
#include "proxy/upstream/auth/token_reply.h"
#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using fakes::Received;
using fakes::ScriptedServer;
using Reply = ScriptedServer::Reply;

/// Waits for one token.
class Waiting : public TokenSink {
 public:
  void on_token(const TokenResult& result) override { told_.set_value(result); }
  TokenResult result() {
    auto told = told_.get_future();
    if (told.wait_for(test_deadline) != std::future_status::ready) return cache::Failure{};
    return told.get();
  }

  std::unique_ptr<Tokens::Wait> wait;

 private:
  std::promise<TokenResult> told_;
};

class TokensTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_.start();
    on_loop([this] {
      multi_ = std::make_unique<CurlMulti>(loop_, TransferOptions{}, TransferQueue::Bounds{});
      tokens_ = std::make_unique<Tokens>(*multi_, Timeouts{}, nullptr, "test");
    });
  }
  void TearDown() override {
    on_loop([this] {
      waiting_.clear();
      tokens_.reset();
      multi_.reset();
    });
    loop_.stop();
    loop_.join();
  }
  void on_loop(const std::function<void()>& job) {
    std::promise<void> done;
    loop_.post([&] {
      job();
      done.set_value();
    });
    done.get_future().wait();
  }
  static TokenKey key(const ScriptedServer& server, int number) {
    const auto realm = *Url::parse(server.url() + "/token");
    return {.url = *token_url(realm, "s", "repository:r" + std::to_string(number) + ":pull"),
            .plain_http = true,
            .private_addresses = true};
  }
  /// Asks for the tokens of the numbers from `first` on.
  void ask(const ScriptedServer& server, int count, int first = 0) {
    on_loop([&] {
      for (int i = first; i < first + count; ++i) {
        waiting_.push_back(std::make_unique<Waiting>());
        waiting_.back()->wait = tokens_->request(key(server, i), *waiting_.back());
      }
    });
  }
  /// The remembered token of that number.
  std::optional<TokenResult> look(const ScriptedServer& server, int number) {
    std::optional<TokenResult> known;
    on_loop([&] { known = tokens_->look(key(server, number)); });
    return known;
  }

  loop::Loop loop_{"test-tokens"};
  std::unique_ptr<CurlMulti> multi_;
  std::unique_ptr<Tokens> tokens_;
  std::vector<std::unique_ptr<Waiting>> waiting_;
};

TEST_F(TokensTest, AreRememberedByTheirBytes) {
  constexpr int count = 400;
  constexpr std::size_t size = 15'000;
  static_assert(count * size > Tokens::max_bytes);
  ScriptedServer server([](const Received&, Reply& reply) {
    reply.send(200, {}, R"({"token":")" + std::string(size, 't') + "\"}");
  });
  // Tokens that are asked for at once come in any order.
  for (const auto& [first, some] :
       {std::pair(0, 1), std::pair(1, count - 2), std::pair(count - 1, 1)}) {
    ask(server, some, first);
    for (int i = first; i < first + some; ++i)
      ASSERT_TRUE(std::holds_alternative<Grant>(waiting_[static_cast<std::size_t>(i)]->result()))
          << i;
  }
  on_loop([this] {
    EXPECT_LE(tokens_->bytes(), Tokens::max_bytes);
    EXPECT_GT(tokens_->bytes(), Tokens::max_bytes - 2 * size);
  });
  EXPECT_FALSE(look(server, 0).has_value()) << "the longest unused goes first";
  EXPECT_TRUE(look(server, count - 1).has_value());
}

TEST_F(TokensTest, AreNotTakenWhenTheyAreTooLong) {
  std::atomic<std::size_t> size = max_token;
  ScriptedServer server([&](const Received&, Reply& reply) {
    reply.send(200, {}, R"({"token":")" + std::string(size, 't') + "\"}");
  });
  ask(server, 1);
  EXPECT_TRUE(std::holds_alternative<Grant>(waiting_[0]->result()));
  ++size;
  on_loop([&] { tokens_->refused(key(server, 0), 1); });
  ask(server, 1);
  EXPECT_TRUE(std::holds_alternative<cache::Failure>(waiting_[1]->result()));
}

}  // namespace
}  // namespace entrepot::upstream
