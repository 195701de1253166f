// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/proxy/http/raw_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <limits>

namespace entrepot::http {

RawClient::RawClient(std::uint16_t port, int receive_buffer, const char* from)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  set_patience();
  if (receive_buffer > 0)
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, from, &address.sin_addr);
  EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
}

RawClient::RawClient(const std::string& path)
    : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  set_patience();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0) << path;
}

void RawClient::set_patience() {
  const timeval patience{20, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

RawClient::~RawClient() {
  if (fd_ >= 0) close(fd_);
}

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void RawClient::half_close() { shutdown(fd_, SHUT_WR); }

void RawClient::abort() {
  const linger reset{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  close(fd_);
  fd_ = -1;
}

bool RawClient::more() {
  std::array<char, 65536> buffer;
  const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
  clean_end_ = n == 0;
  if (n <= 0) return false;
  pending_.append(buffer.data(), static_cast<std::size_t>(n));
  return true;
}

RawClient::Reply RawClient::reply(bool with_body) {
  Reply reply;
  std::size_t end;
  while ((end = pending_.find("\r\n\r\n")) == std::string::npos)
    if (!more()) return reply;
  reply.head = pending_.substr(0, end + 2);
  pending_.erase(0, end + 4);
  std::from_chars(reply.head.data() + 9, reply.head.data() + 12, reply.status);
  constexpr std::string_view name = "\r\nContent-Length: ";
  const std::size_t at = reply.head.find(name);
  if (!with_body || at == std::string::npos) return reply;
  std::size_t length = 0;
  const char* digits = reply.head.data() + at + name.size();
  std::from_chars(digits, reply.head.data() + reply.head.size(), length);
  reply.body = read(length);
  return reply;
}

std::string RawClient::read(std::size_t n) {
  while (pending_.size() < n && more()) {
  }
  std::string result = pending_.substr(0, n);
  pending_.erase(0, n);
  return result;
}

std::string RawClient::read_all() { return read(std::numeric_limits<std::size_t>::max()); }

}  // namespace entrepot::http
