// SPDX-License-Identifier: Apache-2.0
// A server on a unix socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <vector>

#include "proxy/http/listener.h"
#include "tests/fakes/no_descriptors.h"
#include "tests/unit/proxy/http/listen/socket_directory.h"
#include "tests/unit/proxy/http/raw_client.h"
#include "tests/unit/proxy/http/server_under_test.h"

namespace entrepot::http {
namespace {

using testing::HasSubstr;

void answer_peer(const ExchangePtr& exchange) {
  exchange->reply(ReplyHead(200), exchange->peer().name);
}

class ServerUnix : public testing::Test {
 protected:
  ServerUnix() { options_.address = "unix:" + path_; }

  std::unique_ptr<RawClient> client() { return std::make_unique<RawClient>(path_); }
  /// The connections of `count` clients that have got an answer each.
  std::vector<std::unique_ptr<RawClient>> answered(std::size_t count) {
    std::vector<std::unique_ptr<RawClient>> clients;
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(client());
      clients.back()->send(get("/"));
      EXPECT_EQ(clients.back()->reply().status, 200);
    }
    return clients;
  }

  SocketDirectory directory_;
  const std::string path_ = directory_.file("mirror.sock");
  ServerOptions options_;
};

TEST_F(ServerUnix, KnowsTheUserAndTheProcess) {
  ServerUnderTest server(answer_peer, options_);
  EXPECT_EQ(server.port(), 0);
  const auto client = this->client();
  client->send(get("/"));
  EXPECT_EQ(client->reply().body,
            "unix:uid=" + std::to_string(geteuid()) + ",pid=" + std::to_string(getpid()));
}

TEST_F(ServerUnix, HasTheModeOfItsOptions) {
  options_.socket_mode = 0606;
  ServerUnderTest server(echo_path, options_);
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0606U);
}

TEST_F(ServerUnix, LoopsTakeTurns) {
  constexpr std::size_t loops = 3;
  std::mutex mutex;
  std::map<const cache::Executor*, int> handled;
  ServerUnderTest server(
      [&](const ExchangePtr& exchange) {
        {
          const std::lock_guard lock(mutex);
          ++handled[&exchange->executor()];
        }
        echo_path(exchange);
      },
      options_, loops);
  const auto clients = answered(4 * loops);
  const std::lock_guard lock(mutex);
  ASSERT_EQ(handled.size(), loops);
  for (const auto& [loop, count] : handled) EXPECT_EQ(count, 4);
}

TEST_F(ServerUnix, ManyClientsAtOnce) {
  options_.limits.connections_each = 1000;
  ServerUnderTest server(echo_path, options_, 3);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(client());
  for (const auto& client : clients) client->send(get("/x"));
  for (const auto& client : clients) EXPECT_EQ(client->reply().body, "/x");
}

TEST_F(ServerUnix, AUserIsOneClient) {
  options_.limits.connections = 8;
  options_.limits.connections_each = 1;
  ServerUnderTest server(echo_path, options_, 2);
  const auto held = answered(4);
  const auto refused = client();
  refused->send(get("/"));
  const auto reply = refused->reply();
  EXPECT_EQ(reply.status, 429);
  EXPECT_THAT(reply.body, HasSubstr("too many connections of one client"));
}

TEST_F(ServerUnix, ADrainAnswersTheClientsInTheQueue) {
  std::vector<std::unique_ptr<loop::Loop>> loops;
  std::vector<loop::Loop*> pointers;
  for (const char* name : {"serve-0", "serve-1"}) {
    loops.push_back(std::make_unique<loop::Loop>(name));
    pointers.push_back(loops.back().get());
  }
  struct : Handler {
    void handle(const ExchangePtr& exchange) override { echo_path(exchange); }
    void finished(const Exchange&, const ReplyStats&) override {}
    std::string refused(int, std::string_view, const Peer&) override { return "{}"; }
  } handler;
  auto server = std::make_unique<Server>(options_, pointers, handler);
  server->listen();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 70; ++i) {  // more than one turn accepts
    clients.push_back(client());
    clients.back()->send(get("/x"));
  }
  std::promise<void> drained;
  server->drain(Next::none, [&] { drained.set_value(); });
  EXPECT_FALSE(std::filesystem::exists(path_));
  for (loop::Loop* loop : pointers) loop->start();
  for (const auto& client : clients) EXPECT_EQ(client->reply().body, "/x");
  EXPECT_EQ(drained.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  server.reset();
  for (loop::Loop* loop : pointers) {
    loop->stop();
    loop->join();
  }
}

TEST_F(ServerUnix, TheEndOfTheServerRemovesTheFile) {
  {
    ServerUnderTest server(echo_path, options_, 2);
    EXPECT_TRUE(std::filesystem::exists(path_));
    server.destroy();
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
  ServerUnderTest closed(echo_path, options_, 2);
  closed.server().close();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ServerUnix, AnErrorHasTheAddress) {
  ServerUnderTest server(echo_path, options_);
  try {
    static_cast<void>(listen_on(options_.address, 1));
    ADD_FAILURE() << "listens twice";
  } catch (const ListenError& error) {
    EXPECT_EQ(error.what(), "cannot listen on unix:" + path_ + ": another process listens on it");
  }
}

TEST_F(ServerUnix, AClientThatSendsNoMoreIsAnsweredFirst) {
  ServerUnderTest server(echo_path, options_);
  const auto client = this->client();
  client->send(get("/a") + get("/b"));
  client->half_close();
  EXPECT_EQ(client->reply().body, "/a");
  EXPECT_EQ(client->reply().body, "/b");
  EXPECT_EQ(client->read_all(), "");
  EXPECT_TRUE(client->ended_cleanly());
}

TEST_F(ServerUnix, GoesOnAfterDescriptorsRanOut) {
#ifdef ENTREPOT_ASAN
  GTEST_SKIP() << "the sanitizer probes memory through a pipe, for which no descriptor is left";
#endif
  ServerUnderTest server(echo_path, options_, 2);
  const auto before = answered(3);
  {
    NoDescriptors none;
    none.give_back_one();
    const auto refused = client();
    refused->send(get("/"));
    EXPECT_EQ(refused->reply().status, 503);
  }
  EXPECT_EQ(answered(4).size(), 4U);
}

}  // namespace
}  // namespace entrepot::http
