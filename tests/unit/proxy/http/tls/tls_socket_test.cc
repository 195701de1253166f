// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/tls_socket.h"

#include <event2/buffer.h>
#include <event2/util.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/loop/loop.h"
#include "tests/unit/proxy/http/tls/tls_pair.h"

namespace entrepot::http::tls {
namespace {

using testing::HasSubstr;

/// Echoes the input of a socket, and reports its last event.
class Echo final : public SocketUser {
 public:
  explicit Echo(Socket& socket) : socket_(socket) {}

  void on_event(SocketEvent event) override {
    if (event != SocketEvent::ready) {
      if (!std::exchange(told_, true)) ended.set_value(event);  // until stop(), it may come again
      return;
    }
    do {
      std::string bytes(evbuffer_get_length(socket_.input()), '\0');
      largest_input = std::max(largest_input, bytes.size());
      evbuffer_remove(socket_.input(), bytes.data(), bytes.size());
      if (bytes.empty()) break;
      EXPECT_TRUE(socket_.output().write(bytes, {}, false));
    } while (socket_.refill());
  }

  std::size_t largest_input = 0;
  std::promise<SocketEvent> ended;

 private:
  Socket& socket_;
  bool told_ = false;
};

/// A TlsSocket on a loop, and a blocking client of OpenSSL.
class TlsSocketTest : public testing::Test {
 protected:
  ~TlsSocketTest() override {
    run([this] {
      socket_->stop();
      socket_.reset();
    });
    loop_.stop();
    loop_.join();
    ::close(client_fd_);
  }

  /// Starts both. `buffer`: bytes of the kernel's buffer for what the server sends.
  void start(const fakes::TlsIdentity& fake, int buffer) {
    std::array<int, 2> fds{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    ::setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    evutil_make_socket_nonblocking(fds[0]);
    client_fd_ = fds[1];
    const timeval patience{20, 0};
    ::setsockopt(client_fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    std::vector<Identity> identities;
    identities.push_back(identity_of(fake));
    auto context =
        std::make_shared<const Context>(std::move(identities), std::make_shared<TicketKeys>());
    loop_.start();
    run([&, fd = fds[0]] {
      socket_ = std::make_unique<TlsSocket>(loop_, fd, context, metrics_.tls());
      user_ = std::make_unique<Echo>(*socket_);
      socket_->start(*user_);
    });
    SSL_set_fd(client_.get(), client_fd_);
  }

  /// Runs `job` on the loop and waits for it.
  template <typename Job>
  void run(Job job) {
    std::promise<void> done;
    loop_.post([&] {
      job();
      done.set_value();
    });
    done.get_future().wait();
  }

  void send(const std::string& bytes) {
    EXPECT_EQ(SSL_write(client_.get(), bytes.data(), static_cast<int>(bytes.size())),
              static_cast<int>(bytes.size()));
  }
  std::string read(std::size_t size) {
    std::string all(size, '\0');
    std::size_t got = 0;
    for (int n = 1; n > 0 && got < size; got += static_cast<std::size_t>(std::max(n, 0)))
      n = SSL_read(client_.get(), all.data() + got, static_cast<int>(size - got));
    all.resize(got);
    return all;
  }

  const metrics::Metrics metrics_{{}};
  const Owned<SSL_CTX> context_ = client_context();
  const Owned<SSL> client_{SSL_new(context_.get())};
  int client_fd_ = -1;
  loop::Loop loop_{"tls-socket"};
  std::unique_ptr<TlsSocket> socket_;
  std::unique_ptr<Echo> user_;
};

TEST_F(TlsSocketTest, ALongCertificateTakesSeveralWrites) {
  std::string names = "DNS:0.example";
  for (int i = 1; i < 3000; ++i) names += ",DNS:" + std::to_string(i) + ".example";
  const fakes::TlsIdentity fake({.name = names});
  start(fake, 1);
  ASSERT_EQ(SSL_connect(client_.get()), 1);
  send("hello");
  EXPECT_EQ(read(5), "hello");
}

TEST_F(TlsSocketTest, BoundsItsInputAndLosesNoByte) {
  const fakes::TlsIdentity fake;
  start(fake, 1);
  ASSERT_EQ(SSL_connect(client_.get()), 1);
  const std::string record(16 * 1024, 'x');
  for (int i = 0; i < 4; ++i) {
    send(record);
    EXPECT_EQ(read(record.size()), record);
  }
  run([&] { EXPECT_EQ(user_->largest_input, Socket::input_limit); });
}

TEST_F(TlsSocketTest, ReportsTheEndOfTheInputAfterItsLastBytes) {
  const fakes::TlsIdentity fake;
  start(fake, 1);
  ASSERT_EQ(SSL_connect(client_.get()), 1);
  const std::string record(Socket::input_limit, 'x');
  send(record);
  SSL_shutdown(client_.get());
  EXPECT_EQ(read(record.size()), record);
  EXPECT_EQ(user_->ended.get_future().get(), SocketEvent::input_end);
}

TEST_F(TlsSocketTest, CountsAClientThatLeavesDuringTheHandshake) {
  const fakes::TlsIdentity fake;
  start(fake, 1);
  ::shutdown(client_fd_, SHUT_RDWR);
  EXPECT_EQ(user_->ended.get_future().get(), SocketEvent::broken);
  EXPECT_THAT(metrics_.text(), HasSubstr("handshakes_total{result=\"closed\"} 1"));
}

}  // namespace
}  // namespace entrepot::http::tls
