// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/dial_policy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace entrepot::upstream {
namespace {

using Retry = DialPolicy::Retry;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds at_once{1};
constexpr milliseconds too_long{801};
constexpr DialPolicy::Outcome no_connection{.result = CURLE_COULDNT_CONNECT, .resolved = true};

curl_sockaddr address(const char* ip) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(443);
  EXPECT_EQ(inet_pton(AF_INET, ip, &in.sin_addr), 1);
  curl_sockaddr made{};
  made.family = AF_INET;
  made.socktype = SOCK_STREAM;
  made.protocol = IPPROTO_TCP;
  made.addrlen = sizeof in;
  std::memcpy(&made.addr, &in, sizeof in);
  return made;
}

class DialPolicyTest : public testing::Test {
 protected:
  ~DialPolicyTest() override {
    for (const curl_socket_t fd : opened_) sockets_.close(fd);
  }
  /// True when the policy opens a socket for `ip` at now_.
  bool dials(DialPolicy& policy, const char* ip) {
    const curl_socket_t fd = policy.open(address(ip), now_);
    if (fd == CURL_SOCKET_BAD) return false;
    opened_.push_back(fd);
    return true;
  }
  bool dead(const char* ip) const { return sockets_.dead(address(ip), now_); }
  void note_dead(const char* ip) { sockets_.note_dead(Sockets::key_of(address(ip)), now_); }

  Sockets sockets_;
  DialPolicy::Time now_{seconds(1000)};

 private:
  std::vector<curl_socket_t> opened_;
};

TEST_F(DialPolicyTest, ForbidsAddressesThatAreNotGlobal) {
  DialPolicy policy(false, {}, sockets_);
  EXPECT_FALSE(dials(policy, "169.254.169.254"));
  EXPECT_EQ(errno, EACCES);
  EXPECT_EQ(policy.only_forbidden(), "link-local");
  EXPECT_FALSE(dials(policy, "10.0.0.1"));
  EXPECT_EQ(policy.only_forbidden(), "private");
  EXPECT_TRUE(dials(policy, "8.8.8.8"));
  EXPECT_EQ(policy.only_forbidden(), "");
  EXPECT_EQ(policy.after(no_connection), Retry::none);
}

TEST_F(DialPolicyTest, DialsAnyAddressWhereTheRequestAllowsIt) {
  DialPolicy policy(true, {}, sockets_);
  EXPECT_TRUE(dials(policy, "127.0.0.1"));
  EXPECT_TRUE(dials(policy, "10.0.0.1"));
  EXPECT_EQ(policy.only_forbidden(), "");
}

TEST_F(DialPolicyTest, FindsAFirstAddressDeadWhenAnotherIsDialledLater) {
  DialPolicy policy(true, {}, sockets_);
  EXPECT_TRUE(dials(policy, "8.8.8.1"));
  now_ += too_long;
  EXPECT_TRUE(dials(policy, "8.8.8.2"));
  EXPECT_TRUE(dead("8.8.8.1"));
  EXPECT_FALSE(dead("8.8.8.2"));
  EXPECT_EQ(policy.after(no_connection), Retry::other_addresses);
  EXPECT_FALSE(dials(policy, "8.8.8.1"));
  EXPECT_EQ(errno, ETIMEDOUT);
  now_ += Sockets::left_out;
  EXPECT_FALSE(dead("8.8.8.1"));
}

TEST_F(DialPolicyTest, AnotherAddressSoonAfterTheFirstSaysNothing) {
  DialPolicy policy(true, {}, sockets_);
  EXPECT_TRUE(dials(policy, "8.8.8.1"));
  now_ += at_once;
  EXPECT_TRUE(dials(policy, "8.8.8.2"));
  EXPECT_FALSE(dead("8.8.8.1"));
  EXPECT_EQ(policy.after(no_connection), Retry::none);
}

TEST_F(DialPolicyTest, FindsAFirstAddressDeadWhenAnotherConnectsFirst) {
  DialPolicy policy(true, {}, sockets_);
  EXPECT_TRUE(dials(policy, "8.8.8.1"));
  EXPECT_TRUE(dials(policy, "8.8.8.2"));
  EXPECT_TRUE(policy.may_send("8.8.8.2", 443, 40000, now_));
  EXPECT_TRUE(dead("8.8.8.1"));
}

TEST_F(DialPolicyTest, AFirstAddressThatConnectsIsNotDead) {
  DialPolicy policy(true, {}, sockets_);
  EXPECT_TRUE(dials(policy, "8.8.8.1"));
  EXPECT_TRUE(dials(policy, "8.8.8.2"));
  EXPECT_TRUE(policy.may_send("8.8.8.1", 443, 40000, now_));
  EXPECT_FALSE(dead("8.8.8.1"));
}

TEST_F(DialPolicyTest, DialsAgainAtMostThreeTimes) {
  DialPolicy policy(true, {}, sockets_);
  const char* const ips[] = {"8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4", "8.8.8.5"};
  for (int redial = 0; redial < 4; ++redial) {
    EXPECT_TRUE(dials(policy, ips[redial]));
    now_ += too_long;
    EXPECT_TRUE(dials(policy, ips[redial + 1]));
    EXPECT_EQ(policy.after(no_connection), redial < 3 ? Retry::other_addresses : Retry::none);
  }
}

TEST_F(DialPolicyTest, DialsDeadAddressesOnceWhenAllAreDead) {
  note_dead("8.8.8.1");
  note_dead("8.8.8.2");
  DialPolicy policy(true, {}, sockets_);
  EXPECT_FALSE(dials(policy, "8.8.8.1"));
  EXPECT_FALSE(dials(policy, "8.8.8.2"));
  EXPECT_EQ(policy.after(no_connection), Retry::other_addresses);
  EXPECT_TRUE(dials(policy, "8.8.8.1"));
  EXPECT_EQ(policy.after(no_connection), Retry::none);
}

TEST_F(DialPolicyTest, AMadeConnectionIsNotDialledAgain) {
  DialPolicy policy(true, {}, sockets_);
  EXPECT_TRUE(dials(policy, "8.8.8.1"));
  now_ += too_long;
  EXPECT_TRUE(dials(policy, "8.8.8.2"));
  EXPECT_EQ(policy.after({.result = CURLE_OPERATION_TIMEDOUT, .resolved = true, .connected = true}),
            Retry::none);
}

TEST_F(DialPolicyTest, OnlyAFailedConnectionIsDialledAgain) {
  DialPolicy policy(true, {}, sockets_);
  EXPECT_TRUE(dials(policy, "8.8.8.1"));
  now_ += too_long;
  EXPECT_TRUE(dials(policy, "8.8.8.2"));
  EXPECT_EQ(policy.after({.result = CURLE_PEER_FAILED_VERIFICATION, .resolved = true}),
            Retry::none);
}

TEST_F(DialPolicyTest, UsesTheLastAddressOfANameThatCannotBeResolved) {
  DialPolicy policy(true, {}, sockets_);
  EXPECT_EQ(policy.after({.result = CURLE_COULDNT_RESOLVE_HOST}), Retry::last_address);
  EXPECT_EQ(policy.after({.result = CURLE_OPERATION_TIMEDOUT}), Retry::last_address);
  EXPECT_EQ(policy.after({.result = CURLE_OPERATION_TIMEDOUT, .resolved = true}), Retry::none);
  EXPECT_EQ(policy.after({.result = CURLE_COULDNT_CONNECT}), Retry::none);
  EXPECT_TRUE(dials(policy, "8.8.8.1"));
  EXPECT_EQ(policy.after({.result = CURLE_COULDNT_RESOLVE_HOST}), Retry::none);
}

/// A connection over loopback, made through Sockets as libcurl would.
class Connection {
 public:
  explicit Connection(Sockets& sockets) : sockets_(sockets) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof in;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&in), length), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&in), &length), 0);
    client_ = sockets.open(address("127.0.0.1"));
    EXPECT_EQ(::connect(client_, reinterpret_cast<sockaddr*>(&in), length), 0);
    server_ = ::accept(listener_, nullptr, nullptr);
    port = ntohs(in.sin_port);
    EXPECT_EQ(::getsockname(client_, reinterpret_cast<sockaddr*>(&in), &length), 0);
    local_port = ntohs(in.sin_port);
  }
  ~Connection() {
    sockets_.close(client_);
    ::close(server_);
    ::close(listener_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The peer sends a byte, and it has arrived when this returns.
  void receive_byte() const {
    EXPECT_EQ(::send(server_, "x", 1, 0), 1);
    char byte;
    EXPECT_EQ(::recv(client_, &byte, 1, MSG_PEEK), 1);
  }

  int port = 0;
  int local_port = 0;

 private:
  Sockets& sockets_;
  int listener_ = -1;
  int server_ = -1;
  curl_socket_t client_ = CURL_SOCKET_BAD;
};

TEST_F(DialPolicyTest, RefusesAKeptConnectionWithUnreadBytes) {
  const Connection connection(sockets_);
  const auto may_send = [&](DialPolicy& policy) {
    return policy.may_send("127.0.0.1", connection.port, connection.local_port, now_);
  };
  DialPolicy first(true, {}, sockets_);
  EXPECT_TRUE(may_send(first));
  DialPolicy second(true, {}, sockets_);
  EXPECT_TRUE(may_send(second));
  connection.receive_byte();
  DialPolicy third(true, {}, sockets_);
  EXPECT_FALSE(may_send(third));
  const DialPolicy::Outcome aborted{
      .result = CURLE_ABORTED_BY_CALLBACK, .resolved = true, .connected = true};
  EXPECT_EQ(third.after(aborted), Retry::new_connection);
  EXPECT_EQ(third.after(aborted), Retry::none);
}

TEST_F(DialPolicyTest, ANewConnectionMayHoldUnreadBytes) {
  const Connection connection(sockets_);
  connection.receive_byte();
  DialPolicy policy(true, {}, sockets_);
  EXPECT_TRUE(policy.may_send("127.0.0.1", connection.port, connection.local_port, now_));
}

TEST_F(DialPolicyTest, DialsOnlyThePortOfTheProxy) {
  DialPolicy policy(false, 443, sockets_);
  EXPECT_TRUE(dials(policy, "10.0.0.1")) << "the proxy may have a private address";
  DialPolicy other(false, 3128, sockets_);
  EXPECT_FALSE(dials(other, "8.8.8.8"));
  EXPECT_EQ(errno, EACCES);
  EXPECT_EQ(other.only_forbidden(), "direct");
}

TEST_F(DialPolicyTest, StandsAfterASkippedAddressUntilTheNextOne) {
  note_dead("192.0.2.1");
  DialPolicy policy(true, {}, sockets_);
  EXPECT_FALSE(policy.has_skipped());
  EXPECT_FALSE(sockets_.take_skip());
  EXPECT_FALSE(dials(policy, "192.0.2.1"));
  EXPECT_TRUE(policy.has_skipped());
  EXPECT_TRUE(sockets_.take_skip());
  EXPECT_FALSE(sockets_.take_skip()) << "taken";
  EXPECT_TRUE(dials(policy, "192.0.2.2"));
  EXPECT_FALSE(policy.has_skipped());
  EXPECT_FALSE(sockets_.take_skip());
}

TEST_F(DialPolicyTest, ANewTryStandsNowhere) {
  note_dead("192.0.2.1");
  DialPolicy policy(true, {}, sockets_);
  EXPECT_FALSE(dials(policy, "192.0.2.1"));
  policy.after(no_connection);
  EXPECT_FALSE(policy.has_skipped());
}

}  // namespace
}  // namespace entrepot::upstream
