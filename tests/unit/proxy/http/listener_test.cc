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
