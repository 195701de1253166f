// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "proxy/http/server.h"

namespace entrepot::http {
namespace {

using testing::HasSubstr;

std::string error_of(const std::string& address) {
  try {
    for (const int fd : listen_on(address, 1).sockets) close(fd);
  } catch (const ListenError& error) {
    return error.what();
  }
  return "none";
}

TEST(ListenOn, SharesOnePortAmongItsSockets) {
  for (const char* address : {"127.0.0.1:0", "[::1]:0"}) {
    const std::vector<int> sockets = listen_on(address, 3).sockets;
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
  const std::vector<int> sockets = listen_on("127.0.0.1:0", 2).sockets;
  std::string address("127.0.0.1:");
  address += std::to_string(local_port(sockets[0]));
  EXPECT_EQ(error_of(address), "cannot listen on " + address + ": the address is already in use");
  for (const int fd : sockets) close(fd);
  EXPECT_EQ(error_of(address), "none");
}

/// Binds `address` beside the sockets of this process.
std::string error_beside(const std::string& address) {
  try {
    for (const int fd : listen_on(address, 2, 0660, {}, Neighbours::allowed).sockets) close(fd);
  } catch (const ListenError& error) {
    return error.what();
  }
  return "none";
}

std::string with_port(const char* host, int socket) {
  return host + (":" + std::to_string(local_port(socket)));
}

TEST(ListenOn, JoinsThePortOfAServerThatGoes) {
  const std::vector<int> sockets = listen_on("127.0.0.1:0", 2).sockets;
  for (const char* host : {"127.0.0.1", "0.0.0.0", "[::]"}) {
    EXPECT_EQ(error_beside(with_port(host, sockets[0])), "none") << host;
    EXPECT_THAT(error_of(with_port(host, sockets[0])), HasSubstr("already in use")) << host;
  }
  for (const int fd : sockets) close(fd);
}

TEST(ListenOn, ADuplicateIsTheSameSocket) {
  const std::vector<int> sockets = listen_on("127.0.0.1:0", 2).sockets;
  const std::vector<int> copies = duplicates("127.0.0.1:0", sockets);
  const std::string address = with_port("127.0.0.1", sockets[0]);
  for (const int fd : sockets) close(fd);
  ASSERT_EQ(copies.size(), 2U);
  for (const int fd : copies) EXPECT_TRUE(listens_on(fd, address));
  for (const int fd : copies) close(fd);
  EXPECT_THAT(error_of(address), "none");
}

TEST(Addresses, SpellingsOfOne) {
  EXPECT_TRUE(same_address("127.0.0.1:80", "127.0.0.1:080"));
  EXPECT_TRUE(same_address("[::1]:80", "[0:0::1]:80"));
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
