// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "tests/unit/proxy/http/raw_client.h"
#include "tests/unit/proxy/http/server_under_test.h"
#include "tests/unit/proxy/http/tls/tls_pair.h"

namespace entrepot::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

ServerOptions options_with(const fakes::TlsIdentity& fake) {
  std::vector<tls::Identity> identities;
  identities.push_back(tls::identity_of(fake));
  ServerOptions options;
  options.tls = std::make_shared<const tls::Context>(std::move(identities),
                                                     std::make_shared<tls::TicketKeys>());
  return options;
}

/// A blocking client. Every wait fails after 20 seconds.
class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    SSL_set_fd(connection_.get(), fd_);
    EXPECT_EQ(SSL_connect(connection_.get()), 1);
  }
  ~TlsClient() { ::close(fd_); }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  void send(const std::string& bytes) {
    SSL_write(connection_.get(), bytes.data(), static_cast<int>(bytes.size()));
  }
  /// Reads until the server closes.
  std::string read_all() {
    std::string all;
    std::array<char, 16384> bytes{};
    for (int n = 0;
         (n = SSL_read(connection_.get(), bytes.data(), static_cast<int>(bytes.size()))) > 0;)
      all.append(bytes.data(), static_cast<std::size_t>(n));
    return all;
  }
  /// True if the server has ended the connection with close_notify.
  bool ended_cleanly() const {
    return (SSL_get_shutdown(connection_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  X509* certificate() const { return SSL_get0_peer_certificate(connection_.get()); }

 private:
  const tls::Owned<SSL_CTX> context_ = tls::client_context();
  const tls::Owned<SSL> connection_{SSL_new(context_.get())};
  const int fd_;
};

const std::string last_request = get("/last", "Connection: close\r\n");

TEST(ServerTls, AnswersAndClosesWithCloseNotify) {
  const fakes::TlsIdentity fake;
  ServerUnderTest server(echo_path, options_with(fake));
  TlsClient client(server.port());
  client.send(get("/a") + get("/b") + last_request);
  const std::string all = client.read_all();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(all, HasSubstr("\r\n\r\n/b"));
  EXPECT_THAT(all, EndsWith("\r\n\r\n/last"));
  EXPECT_TRUE(client.ended_cleanly());
  const auto finished = server.wait_finished(3);
  EXPECT_TRUE(finished.back().complete);
  EXPECT_EQ(finished.back().body_bytes, 5U);
  server.wait_idle();
}

TEST(ServerTls, NewConnectionsGetTheNewContext) {
  const fakes::TlsIdentity first, second;
  ServerUnderTest server(echo_path, options_with(first), 2);
  TlsClient before(server.port());
  server.server().renew(options_with(second).tls);
  server.on_loop([] {});
  const tls::Identity old = tls::identity_of(first), renewed = tls::identity_of(second);
  for (int i = 0; i < 100; ++i) {
    TlsClient after(server.port());
    if (X509_cmp(after.certificate(), renewed.chain.front().get()) == 0) break;
    ASSERT_LT(i, 99);
  }
  EXPECT_EQ(X509_cmp(before.certificate(), old.chain.front().get()), 0);
  before.send(last_request);
  EXPECT_THAT(before.read_all(), EndsWith("/last"));
}

TEST(ServerTls, APlainRequestGetsAPlainRefusal) {
  const fakes::TlsIdentity fake;
  const metrics::Metrics metrics({});
  ServerOptions options = options_with(fake);
  options.tls_metrics = metrics.tls();
  ServerUnderTest server(echo_path, options);
  RawClient client(server.port());
  client.send(get("/"));
  const auto reply = client.reply();
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("this port speaks HTTPS"));
  client.read_all();
  EXPECT_TRUE(client.ended_cleanly());
  EXPECT_THAT(metrics.text(), HasSubstr("handshakes_total{result=\"plain-request\"} 1"));
  EXPECT_THAT(server.refusals(), testing::ElementsAre(400));
}

TEST(ServerTls, AHandshakeHasTheTimeOfAHead) {
  const fakes::TlsIdentity fake;
  const metrics::Metrics metrics({});
  ServerOptions options = options_with(fake);
  options.tls_metrics = metrics.tls();
  options.header_timeout = std::chrono::milliseconds(50);
  ServerUnderTest server(echo_path, options);
  RawClient client(server.port());
  client.send("\x16");
  EXPECT_EQ(client.read_all(), "");
  server.wait_idle();
  EXPECT_THAT(metrics.text(), HasSubstr("handshakes_total{result=\"timeout\"} 1"));
}

TEST(ServerTls, AConnectionOverTheLimitIsToldSo) {
  const fakes::TlsIdentity fake;
  ServerOptions options = options_with(fake);
  options.limits.connections = 1;
  ServerUnderTest server(echo_path, options);
  TlsClient first(server.port());
  TlsClient second(server.port());
  EXPECT_THAT(second.read_all(), StartsWith("HTTP/1.1 503 "));
  first.send(last_request);
  EXPECT_THAT(first.read_all(), EndsWith("/last"));
}

}  // namespace
}  // namespace entrepot::http
