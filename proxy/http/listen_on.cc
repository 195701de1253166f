// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "proxy/base/ip_address.h"
#include "proxy/base/text.h"
#include "proxy/http/listen/port_owner.h"
#include "proxy/http/listener.h"
#include "proxy/http/server.h"

namespace entrepot::http {
namespace {

constexpr int backlog = 4096;  // the kernel caps it at net.core.somaxconn

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  void set_port(std::uint16_t port) {
    // sin_port and sin6_port have the same offset.
    reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
  }
};

[[noreturn]] void fail(const std::string& address, const std::string& why, bool in_use = false) {
  throw ListenError("cannot listen on " + address + ": " + why, in_use);
}

/// `port`: of the address.
std::string explain(int error, std::uint16_t port) {
  switch (error) {
    case EADDRINUSE: {
      const std::string owner = owner_of_port(port);
      return "the address is already in use" + (owner.empty() ? "" : " by " + owner);
    }
    case EACCES:
      return "no permission (ports below 1024 need CAP_NET_BIND_SERVICE)";
    case EADDRNOTAVAIL:
      return "this machine has no such address";
    default:
      return std::generic_category().message(error);
  }
}

/// The port behind the last colon; 0: there is none.
std::uint16_t port_of(std::string_view address) {
  const auto number = parse_number(address.substr(address.rfind(':') + 1));
  return static_cast<std::uint16_t>(number.value_or(0));
}

bool same_ip(const Address& one, const Address& other) {
  return IpAddress::of(one.storage) == IpAddress::of(other.storage);
}

/// Clients of `other` could reach a socket on this address, which is "any". IPv6 sockets accept
/// IPv4 too.
bool covers(const Address& any, const Address& other) {
  static const auto any_v4 = IpAddress::parse("0.0.0.0");
  const auto ip = IpAddress::of(any.storage);
  return ip == IpAddress() || (ip == any_v4 && IpAddress::of(other.storage).is_v4());
}

/// A port that the system chooses equals none.
bool same_port(const Address& one, const Address& other) {
  // sin_port and sin6_port have the same offset.
  const auto port = reinterpret_cast<const sockaddr_in&>(one.storage).sin_port;
  return port != 0 && port == reinterpret_cast<const sockaddr_in&>(other.storage).sin_port;
}

Address parse(const std::string& text) {
  constexpr const char* form =
      "expected ADDRESS:PORT, like 127.0.0.1:5000 or [::1]:5000, or unix:/PATH";
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) fail("\"" + text + "\"", form);
  std::string host = text.substr(0, colon);
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc{} || stop != end) fail("\"" + text + "\"", form);

  Address address;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    v6.sin6_family = AF_INET6;
    address.length = sizeof(sockaddr_in6);
    if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6.sin6_addr) != 1)
      fail("\"" + text + "\"", form);
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    v4.sin_family = AF_INET;
    address.length = sizeof(sockaddr_in);
    if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) != 1) fail("\"" + text + "\"", form);
  }
  address.set_port(port);
  return address;
}

void set(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value));
}

// Returns a bound socket that does not listen yet; -1 with errno set on failure. A socket without
// neighbours joins the SO_REUSEPORT group only once it is bound, so that bind() fails if any socket
// listens there. The others belong to the group before bind(), which would fail otherwise.
// SO_REUSEADDR admits the connections of a server before; the other side of it is that a socket of
// another process with that option could listen first. Without the option between bind() and
// listen(), the kernel refuses listen() to that process.
int bound_socket(const Address& address, Neighbours neighbours) {
  const bool alone = neighbours == Neighbours::refused;
  const int fd =
      socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return -1;
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.storage.ss_family == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (!alone) set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (bind(fd, address.get(), address.length) != 0) {
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  if (alone) set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  set(fd, SOL_SOCKET, SO_REUSEADDR, 0);
  return fd;
}

void close_all(const std::vector<int>& sockets) {
  for (const int fd : sockets) close(fd);
}

[[noreturn]] void close_and_fail(const std::vector<int>& sockets, const std::string& address) {
  const int error = errno;
  close_all(sockets);
  fail(address, explain(error, port_of(address)), error == EADDRINUSE);
}

/// Adds descriptors of the first socket until there are `count`.
std::vector<int> duplicate(const std::string& address, std::size_t count,
                           std::vector<int> sockets) {
  while (sockets.size() < count) {
    const int fd = fcntl(sockets.front(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) close_and_fail(sockets, address);
    sockets.push_back(fd);
  }
  return sockets;
}

bool is_listening(int fd) {
  int listening = 0;
  socklen_t size = sizeof listening;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

/// `sockets` listen there already.
std::vector<int> bind_port(const std::string& text, std::size_t count, std::vector<int> sockets,
                           Neighbours neighbours) {
  Address address = parse(text);
  const bool inherited = !sockets.empty();
  if (inherited) address.set_port(local_port(sockets.front()));
  while (sockets.size() < count) {
    const int fd = bound_socket(address, sockets.empty() ? neighbours : Neighbours::allowed);
    // No other socket may join one that a service manager has bound for another user (socket(7)).
    if (fd < 0 && inherited) return duplicate(text, count, std::move(sockets));
    if (fd < 0) close_and_fail(sockets, text);
    sockets.push_back(fd);
    address.set_port(local_port(fd));
  }
  return sockets;
}

Listening listen_on_path(const std::string& text, const std::string& path, std::size_t count,
                         unsigned mode) {
  try {
    UnixSocket socket = listen_on_unix(path, mode, backlog);
    // The kernel does not let several sockets have one path.
    return {duplicate(text, count, {socket.fd}), std::move(socket.file)};
  } catch (const UnixSocketError& error) {
    fail(text, error.what());
  }
}

}  // namespace

std::uint16_t local_port(int fd) {
  Address address;
  address.length = sizeof(address.storage);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length);
  if (address.storage.ss_family == AF_UNIX) return 0;
  return ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
}

bool listens_on(int fd, const std::string& address) {
  if (!is_listening(fd) || socket_path(address)) return false;
  const Address wanted = parse(address);
  Address bound;
  bound.length = sizeof(bound.storage);
  return getsockname(fd, reinterpret_cast<sockaddr*>(&bound.storage), &bound.length) == 0 &&
         bound.length == wanted.length && same_ip(bound, wanted) && same_port(bound, wanted);
}

Listening bind_on(const std::string& address, std::size_t count, unsigned mode,
                  const std::vector<int>& inherited, Neighbours neighbours) {
  std::vector<int> sockets = inherited;
  while (sockets.size() > count) {
    close(sockets.back());
    sockets.pop_back();
  }
  const auto path = socket_path(address);
  if (!path) return {bind_port(address, count, std::move(sockets), neighbours)};
  if (sockets.empty()) return listen_on_path(address, *path, count, mode);
  chmod(path->c_str(), mode);  // it stays as it is where this fails
  return {duplicate(address, count, std::move(sockets)), SocketFile(*path)};
}

void begin_listening(const std::string& address, const std::vector<int>& sockets) {
  for (const int fd : sockets) {
    if (is_listening(fd)) continue;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (listen(fd, backlog) != 0) fail(address, explain(errno, port_of(address)));
  }
}

std::vector<int> listen_on(const std::string& address, std::size_t count) {
  std::vector<int> sockets = bind_on(address, count).sockets;
  try {
    begin_listening(address, sockets);
  } catch (const ListenError&) {
    close_all(sockets);
    throw;
  }
  return sockets;
}

std::vector<int> duplicates(const std::string& address, const std::vector<int>& sockets) {
  std::vector<int> copies;
  for (const int socket : sockets) {
    const int fd = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) close_and_fail(copies, address);
    copies.push_back(fd);
  }
  return copies;
}

bool same_address(const std::string& one, const std::string& other) {
  if (one == other) return true;
  const auto path = socket_path(one);
  const auto other_path = socket_path(other);
  if (path && other_path)
    return std::filesystem::path(*path).lexically_normal() ==
           std::filesystem::path(*other_path).lexically_normal();
  if (path || other_path) return false;
  const Address parsed = parse(one);
  const Address other_parsed = parse(other);
  return same_ip(parsed, other_parsed) && same_port(parsed, other_parsed);
}

bool overlap(const std::string& one, const std::string& other) {
  if (socket_path(one) || socket_path(other)) return false;
  const Address parsed = parse(one);
  const Address other_parsed = parse(other);
  return same_port(parsed, other_parsed) &&
         (same_ip(parsed, other_parsed) || covers(parsed, other_parsed) ||
          covers(other_parsed, parsed));
}

}  // namespace entrepot::http
