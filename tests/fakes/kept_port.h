// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>

namespace entrepot {

/// A port that no other test gets during the life of this object, whether a socket is bound to it
/// or not. tests/support/ports.py says which ports these are, and has the same locks.
class KeptPort {
 public:
  KeptPort() {
    unsigned first = 0;
    if (std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range"); !(range >> first))
      throw std::runtime_error("the range of local ports cannot be read");
    if (first <= least) first = 65536;
    std::uniform_int_distribution<unsigned> any(least, first - 1);
    for (std::random_device random; lock_ < 0;) {
      number_ = static_cast<std::uint16_t>(any(random));
      if (is_unused()) lock_ = lock();
    }
  }
  ~KeptPort() { close(lock_); }
  KeptPort(const KeptPort&) = delete;
  KeptPort& operator=(const KeptPort&) = delete;

  std::string on(const std::string& host) const { return host + ":" + std::to_string(number_); }

 private:
  static constexpr unsigned least = 10'000;

  bool is_unused() const {
    const int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);  // of IPv4, too
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(number_);
    const bool bound = bind(probe, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0;
    close(probe);
    return bound;
  }
  /// The socket that is the lock; -1 if another test has the port.
  int lock() const {
    const std::string name = "entrepot-test-port-" + std::to_string(number_);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());  // abstract: begins with a zero
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0) return fd;
    close(fd);
    return -1;
  }

  std::uint16_t number_ = 0;
  int lock_ = -1;
};

}  // namespace entrepot
