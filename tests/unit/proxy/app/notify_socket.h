// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

namespace entrepot::app {

/// The socket of a service manager. `name` has the form of NOTIFY_SOCKET.
class NotifySocket {
 public:
  explicit NotifySocket(std::string name)
      : name_(std::move(name)), fd_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    const auto [address, size] = its_address();
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0) << name_;
  }
  ~NotifySocket() { ::close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  const std::string& name() const { return name_; }
  int fd() const { return fd_; }

  /// The next message; waits for it, for half a minute at most.
  std::string take() {
    pollfd readable{fd_, POLLIN, 0};
    return ::poll(&readable, 1, 30'000) == 1 ? received() : "nothing came";
  }
  /// Sends itself messages until its queue takes no more.
  void fill() const {
    const int other = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    const auto [address, size] = its_address();
    while (::sendto(other, "x", 1, 0, reinterpret_cast<const sockaddr*>(&address), size) == 1)
      continue;
    EXPECT_EQ(errno, EAGAIN);
    ::close(other);
  }
  /// Empty without a message.
  std::string take_if_there() { return received(); }

 private:
  std::pair<sockaddr_un, socklen_t> its_address() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name_.copy(address.sun_path, sizeof address.sun_path);
    if (name_[0] == '@') address.sun_path[0] = '\0';
    return {address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size())};
  }
  std::string received() {
    std::string message(4096, '\0');
    const auto size = ::recv(fd_, message.data(), message.size(), MSG_DONTWAIT);
    message.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return message;
  }

  const std::string name_;
  const int fd_;
};

}  // namespace entrepot::app
