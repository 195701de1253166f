// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace entrepot::upstream {
namespace {

struct End {
  std::string ip;
  int port = 0;
};

End end_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    return {text, ntohs(in.sin_port)};
  }
  if (address.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
    return {text, ntohs(in6.sin6_port)};
  }
  return {};
}

sockaddr_storage copy_of(const curl_sockaddr& address) {
  sockaddr_storage copy{};
  std::memcpy(&copy, &address.addr, std::min<std::size_t>(address.addrlen, sizeof copy));
  return copy;
}

template <typename Call>
End end_by(Call call, int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (call(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  return end_of(address);
}

bool has_unread_bytes(int fd) {
  char byte;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

}  // namespace

std::string Sockets::key_of(const curl_sockaddr& address) {
  return {reinterpret_cast<const char*>(&address.addr), address.addrlen};
}

std::string Sockets::ip_of(const curl_sockaddr& address) { return end_of(copy_of(address)).ip; }

std::uint16_t Sockets::port_of(const curl_sockaddr& address) {
  return static_cast<std::uint16_t>(end_of(copy_of(address)).port);
}

curl_socket_t Sockets::open(const curl_sockaddr& address) {
  const int fd = ::socket(address.family, address.socktype | SOCK_CLOEXEC, address.protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  requests_[fd] = 0;
  return fd;
}

int Sockets::close(curl_socket_t fd) {
  requests_.erase(fd);
  return ::close(fd);
}

void Sockets::note_dead(const std::string& key, Time now) {
  std::erase_if(dead_until_, [now](const auto& one) { return one.second <= now; });
  dead_until_[key] = now + left_out;
}

bool Sockets::dead(const curl_sockaddr& address, Time now) const {
  const auto found = dead_until_.find(key_of(address));
  return found != dead_until_.end() && now < found->second;
}

bool Sockets::clean(std::string_view remote_ip, int remote_port, int local_port) {
  for (auto& [fd, requests] : requests_) {
    if (end_by(::getsockname, fd).port != local_port) continue;
    const End remote = end_by(::getpeername, fd);
    if (remote.port != remote_port || remote.ip != remote_ip) continue;
    // A first request may find bytes: TLS session tickets follow the handshake.
    return requests++ == 0 || !has_unread_bytes(fd);
  }
  return true;
}

}  // namespace entrepot::upstream
