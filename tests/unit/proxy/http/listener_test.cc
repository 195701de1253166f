// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/listener.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/http/server.h"
#include "tests/fakes/kept_port.h"
#include "tests/unit/proxy/http/raw_client.h"

namespace entrepot::http {
namespace {

using testing::HasSubstr;

std::string error_of(const std::string& address) {
  try {
    for (const int fd : listen_on(address, 1)) close(fd);
  } catch (const ListenError& error) {
    return error.what();
  }
  return "none";
}

TEST(ListenOn, SharesOnePortAmongItsSockets) {
  for (const char* address : {"127.0.0.1:0", "[::1]:0"}) {
    const std::vector<int> sockets = listen_on(address, 3);
    ASSERT_EQ(sockets.size(), 3U);
    const std::uint16_t port = local_port(sockets[0]);
    EXPECT_NE(port, 0);
    for (const int fd : sockets) {
      EXPECT_EQ(local_port(fd), port);
      close(fd);
    }
  }
}

TEST(ListenOn, DoesNotJoinThePortOfAnotherServer) {
  const KeptPort port;
  const std::string address = port.on("127.0.0.1");
  const std::vector<int> sockets = listen_on(address, 2);
  EXPECT_THAT(error_of(address),
              testing::MatchesRegex("cannot listen on " + address +
                                    ": the address is already in use by .+ \\(pid " +
                                    std::to_string(getpid()) + "\\)"));
  for (const int fd : sockets) close(fd);
  EXPECT_EQ(error_of(address), "none");
}

/// Binds `address` beside the sockets of this process.
std::string error_beside(const std::string& address) {
  try {
    for (const int fd : bind_on(address, 2, 0660, {}, Neighbours::allowed).sockets) close(fd);
  } catch (const ListenError& error) {
    return error.what();
  }
  return "none";
}

std::string with_port(const char* host, int socket) {
  return host + (":" + std::to_string(local_port(socket)));
}

TEST(ListenOn, JoinsThePortOfAServerThatGoes) {
  const KeptPort port;
  const std::vector<int> sockets = listen_on(port.on("127.0.0.1"), 2);
  for (const char* host : {"127.0.0.1", "0.0.0.0", "[::]"}) {
    EXPECT_EQ(error_beside(port.on(host)), "none") << host;
    EXPECT_THAT(error_of(port.on(host)), HasSubstr("already in use")) << host;
  }
  for (const int fd : sockets) close(fd);
}

/// A socket of another program, which takes an address unless another one listens there.
class OtherServer {
 public:
  explicit OtherServer(const char* host, std::uint16_t port)
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, host, &address.sin_addr);
    bound_ = bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  OtherServer(const OtherServer&) = delete;
  OtherServer& operator=(const OtherServer&) = delete;
  ~OtherServer() { close(fd_); }
  bool listens() const { return bound_ && listen(fd_, 1) == 0; }

 private:
  const int fd_;
  bool bound_ = false;
};

TEST(BindOn, KeepsTheAddressUntilItListens) {
  const std::vector<int> sockets = bind_on("127.0.0.1:0", 2).sockets;
  const std::uint16_t port = local_port(sockets[0]);
  for (const char* host : {"127.0.0.1", "0.0.0.0"})
    EXPECT_FALSE(OtherServer(host, port).listens()) << host;
  begin_listening("127.0.0.1:0", sockets);
  for (const int fd : sockets) EXPECT_TRUE(listens_on(fd, with_port("127.0.0.1", sockets[0])));
  for (const int fd : sockets) close(fd);
}

TEST(BindOn, TakesNoClientOfTheServerBesideIt) {
  const std::vector<int> wide = listen_on("0.0.0.0:0", 1);
  const auto address = with_port("127.0.0.1", wide[0]);
  const std::vector<int> narrow = bind_on(address, 1, 0660, {}, Neighbours::allowed).sockets;
  const RawClient first(local_port(wide[0]));
  const int accepted = accept4(wide[0], nullptr, nullptr, SOCK_NONBLOCK);
  EXPECT_GE(accepted, 0);
  close(accepted);
  begin_listening(address, narrow);
  const RawClient second(local_port(wide[0]));
  EXPECT_LT(accept4(wide[0], nullptr, nullptr, SOCK_NONBLOCK), 0);
  for (const int fd : {wide[0], narrow[0]}) close(fd);
}

TEST(ListenOn, ADuplicateIsTheSameSocket) {
  const KeptPort port;
  const std::string address = port.on("127.0.0.1");
  const std::vector<int> sockets = listen_on(address, 2);
  const std::vector<int> copies = duplicates(address, sockets);
  for (const int fd : sockets) close(fd);
  ASSERT_EQ(copies.size(), 2U);
  for (const int fd : copies) EXPECT_TRUE(listens_on(fd, address));
  for (const int fd : copies) close(fd);
  EXPECT_THAT(error_of(address), "none");
}

TEST(Addresses, SpellingsOfOne) {
  EXPECT_TRUE(same_address("127.0.0.1:80", "127.0.0.1:080"));
  EXPECT_TRUE(same_address("[::1]:80", "[0:0::1]:80"));
  EXPECT_TRUE(same_address("[::ffff:127.0.0.1]:80", "127.0.0.1:80"));
  EXPECT_TRUE(same_address("unix:/run/a", "unix:/run/b/..//a"));
  EXPECT_TRUE(same_address("127.0.0.1:0", "127.0.0.1:0"));
  EXPECT_FALSE(same_address("127.0.0.1:80", "127.0.0.1:81"));
  EXPECT_FALSE(same_address("127.0.0.1:80", "0.0.0.0:80"));
  EXPECT_FALSE(same_address("0.0.0.0:80", "[::]:80"));
  EXPECT_FALSE(same_address("unix:/run/a", "unix:/run/b"));
  EXPECT_FALSE(same_address("unix:/run/a", "127.0.0.1:80"));
  EXPECT_THROW(static_cast<void>(same_address("127.0.0.1:80", "here")), ListenError);
}

TEST(Addresses, Overlap) {
  EXPECT_TRUE(overlap("127.0.0.1:80", "127.0.0.1:80"));
  EXPECT_TRUE(overlap("127.0.0.1:80", "0.0.0.0:80"));
  EXPECT_TRUE(overlap("0.0.0.0:80", "10.0.0.1:80"));
  EXPECT_TRUE(overlap("[::]:80", "127.0.0.1:80"));
  EXPECT_TRUE(overlap("[::1]:80", "[::]:80"));
  EXPECT_TRUE(overlap("[::]:80", "0.0.0.0:80"));
  EXPECT_TRUE(overlap("[::ffff:127.0.0.1]:80", "0.0.0.0:80"));
  EXPECT_FALSE(overlap("127.0.0.1:80", "0.0.0.0:81"));
  EXPECT_FALSE(overlap("127.0.0.1:80", "127.0.0.2:80"));
  EXPECT_FALSE(overlap("[::1]:80", "0.0.0.0:80"));
  EXPECT_FALSE(overlap("127.0.0.1:0", "127.0.0.1:0"));
  EXPECT_FALSE(overlap("unix:/run/a", "unix:/run/a"));
}

TEST(ListenOn, NamesTheFaultOfAnAddress) {
  EXPECT_THAT(error_of("192.0.2.1:0"), HasSubstr("this machine has no such address"));
  for (const char* bad :
       {"", "5000", "localhost:5000", "127.0.0.1:", "127.0.0.1:x", "1.2.3:80", "127.0.0.1:65536",
        "::1:80", "[::1:80", "[127.0.0.1]:80", "127.0.0.1:80 "})
    EXPECT_THAT(error_of(bad),
                HasSubstr(std::string("\"").append(bad).append("\": expected ADDRESS:PORT")))
        << bad;
}

}  // namespace
}  // namespace entrepot::http
