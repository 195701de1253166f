// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "tests/unit/proxy/http/tls/tls_pair.h"

namespace entrepot::http::tls {
namespace {

using fakes::TlsIdentity;
using metrics::TlsHandshake;
using Progress = Stream::Progress;

struct StreamTest : testing::Test {
  StreamTest() {
    std::vector<Identity> identities;
    identities.push_back(identity_of(fake));
    context =
        std::make_shared<const Context>(std::move(identities), std::make_shared<TicketKeys>());
  }

  std::string read(TlsPair& pair) {
    std::array<char, 4096> bytes{};
    last = pair.stream().read(bytes);
    return last > 0 ? std::string(bytes.data(), static_cast<std::size_t>(last)) : "";
  }

  const TlsIdentity fake;
  std::shared_ptr<const Context> context;
  const Owned<SSL_CTX> client = client_context();
  std::ptrdiff_t last = 0;  // the last result of read()
};

TEST_F(StreamTest, MovesBytesBothWays) {
  TlsPair pair(context, client.get());
  ASSERT_EQ(pair.shake_hands(), Progress::done);
  EXPECT_EQ(pair.stream().result(), TlsHandshake::ok);
  EXPECT_FALSE(pair.stream().kernel_sends());
  EXPECT_EQ(read(pair), "");
  EXPECT_EQ(last, Stream::blocked);
  SSL_write(pair.client(), "ping", 4);
  EXPECT_EQ(read(pair), "ping");
  EXPECT_EQ(pair.stream().write("pong"), 4);
  EXPECT_EQ(pair.received(), "pong");
}

TEST_F(StreamTest, EndsWithCloseNotifyOrWithoutIt) {
  for (const bool notify : {true, false}) {
    TlsPair pair(context, client.get());
    ASSERT_EQ(pair.shake_hands(), Progress::done);
    if (notify)
      SSL_shutdown(pair.client());
    else
      ::shutdown(pair.client_fd(), SHUT_WR);
    EXPECT_EQ(read(pair), "");
    EXPECT_EQ(last, Stream::ended);
    EXPECT_EQ(pair.stream().write("still"), 5);
    pair.stream().end();
    EXPECT_EQ(pair.received(), "still");
    EXPECT_NE(SSL_get_shutdown(pair.client()) & SSL_RECEIVED_SHUTDOWN, 0);
  }
}

TEST_F(StreamTest, GoesOnAfterTheClientHasTakenBytes) {
  TlsPair pair(context, client.get());
  ASSERT_EQ(pair.shake_hands(), Progress::done);
  std::string sent;
  std::ptrdiff_t n = 0;
  std::string piece;
  const auto next = [&](int i) { return std::string(RecordWriter::largest_record, "abc"[i % 3]); };
  for (int i = 0; i < 1000; ++i) {
    piece = next(i);
    n = pair.stream().write(piece);
    if (n <= 0) break;
    ASSERT_EQ(static_cast<std::size_t>(n), piece.size());
    sent += piece;
  }
  ASSERT_EQ(n, Stream::blocked);
  EXPECT_TRUE(pair.stream().wants_write());
  std::string received = pair.received();
  const std::string same = piece;  // at another address
  EXPECT_EQ(pair.stream().write(same), static_cast<std::ptrdiff_t>(same.size()));
  sent += same;
  received += pair.received();
  EXPECT_EQ(received, sent);
}

TEST_F(StreamTest, NamesTheReasonOfAFailedHandshake) {
  const auto result_after = [&](std::string_view sent, bool end) {
    TlsPair pair(context, client.get());
    EXPECT_EQ(::send(pair.client_fd(), sent.data(), sent.size(), 0),
              static_cast<ssize_t>(sent.size()));
    if (end) ::shutdown(pair.client_fd(), SHUT_WR);
    EXPECT_EQ(pair.stream().handshake(), Progress::failed);
    return pair.stream().result();
  };
  EXPECT_EQ(result_after("GET / HTTP/1.1\r\n\r\n", false), TlsHandshake::plain_request);
  EXPECT_EQ(result_after("CONNECT a:1 HTTP/1.1\r\n\r\n", false), TlsHandshake::plain_request);
  EXPECT_EQ(result_after("SSH-2.0-OpenSSH_9.2\r\n", false), TlsHandshake::malformed);
  EXPECT_EQ(result_after("\x16\x03", true), TlsHandshake::closed);
  EXPECT_EQ(result_after("\x16\x03\x01\xff\xff", false), TlsHandshake::malformed);  // too long
}

TEST_F(StreamTest, SpeaksPlainlyAfterAPlainRequest) {
  TlsPair pair(context, client.get());
  ASSERT_EQ(::send(pair.client_fd(), "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
  ASSERT_EQ(pair.stream().handshake(), Progress::failed);
  pair.stream().become_plain();
  EXPECT_EQ(pair.stream().write("no"), 2);
  pair.stream().end();
  std::array<char, 16> bytes{};
  EXPECT_EQ(::recv(pair.client_fd(), bytes.data(), bytes.size(), 0), 2);
  EXPECT_EQ(::recv(pair.client_fd(), bytes.data(), bytes.size(), 0), 0);
}

TEST_F(StreamTest, TakesNoLongHello) {
  TlsPair pair(context, client.get());
  // The records of a ClientHello of 120 KiB, which OpenSSL would take.
  const std::string record =
      std::string("\x16\x03\x01\x3f\xfc\x01\x01\xe0\x00", 9) + std::string(16376, 'x');
  const std::string more = std::string("\x16\x03\x01\x3f\xfc", 5) + std::string(16380, 'x');
  Progress progress = Progress::waiting;
  std::size_t sent = 0;
  for (int i = 0; i < 7 && progress == Progress::waiting; ++i) {
    const std::string& bytes = i == 0 ? record : more;
    ASSERT_GT(::send(pair.client_fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
    sent += bytes.size();
    progress = pair.stream().handshake();
  }
  EXPECT_EQ(progress, Progress::failed);
  EXPECT_EQ(pair.stream().result(), TlsHandshake::malformed);
  EXPECT_LE(sent, Stream::handshake_limit + 3 * record.size());
}

}  // namespace
}  // namespace entrepot::http::tls
