// SPDX-License-Identifier: Apache-2.0
// Two servers of one process on the same sockets, made while the loops run.
#include <gtest/gtest.h>

#include <future>
#include <string>

#include "proxy/http/listener.h"
#include "proxy/http/server.h"
#include "proxy/loop/loop.h"
#include "tests/unit/proxy/http/raw_client.h"
#include "tests/unit/proxy/http/server_under_test.h"

namespace entrepot::http {
namespace {

/// Replies with its name.
class Named : public Handler {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}
  void handle(const ExchangePtr& exchange) override { exchange->reply(ReplyHead(200), name_); }
  void finished(const Exchange&, const ReplyStats&) override {}
  std::string refused(int, std::string_view reason, const Peer&) override {
    return std::string(reason);
  }

 private:
  const std::string name_;
};

class ServerTakeover : public testing::Test {
 protected:
  ServerTakeover() {
    for (auto& loop : loops_) loop.start();
  }
  ~ServerTakeover() override {
    for (auto& loop : loops_) loop.stop();
    for (auto& loop : loops_) loop.join();
  }

  std::unique_ptr<Server> server(Handler& handler, const Server* before = nullptr) {
    ServerOptions options;
    options.address = "127.0.0.1:0";
    if (before != nullptr) options.inherited = duplicates(options.address, before->sockets());
    auto server = std::make_unique<Server>(
        options, std::vector<loop::Loop*>{&loops_[0], &loops_[1]}, handler);
    server->listen();
    return server;
  }

  static std::string body_of(RawClient& client) {
    client.send(get("/"));
    return client.reply().body;
  }

  loop::Loop loops_[2]{loop::Loop("one"), loop::Loop("two")};
  Named first_{"first"};
  Named second_{"second"};
};

TEST_F(ServerTakeover, EachClientIsServedByOneOfThem) {
  auto first = server(first_);
  first->start();
  RawClient kept(first->port());
  EXPECT_EQ(body_of(kept), "first");
  auto second = server(second_, first.get());
  EXPECT_EQ(second->port(), first->port());
  std::promise<void> drained;
  first->drain(Next::listens, [&] { drained.set_value(); });
  second->start();
  EXPECT_EQ(body_of(kept), "first");
  EXPECT_EQ(kept.read_all(), "");
  drained.get_future().wait();
  first.reset();
  for (int i = 0; i < 20; ++i) {
    RawClient client(second->port());
    EXPECT_EQ(body_of(client), "second");
  }
}

TEST_F(ServerTakeover, OneThatNeverStartedLeavesTheClientsToTheOther) {
  auto first = server(first_);
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(std::make_unique<RawClient>(first->port()));
  server(second_, first.get()).reset();
  first->start();
  for (const auto& client : waiting) EXPECT_EQ(body_of(*client), "first");
}

}  // namespace
}  // namespace entrepot::http
