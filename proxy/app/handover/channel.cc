// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/handover/channel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "metrics/check.h"
#include "proxy/app/handover/descriptor_message.h"

namespace entrepot::app {
namespace {

constexpr int waiting_connections = 8;

[[noreturn]] void fail(const std::filesystem::path& path, const char* operation) {
  throw std::system_error(errno, std::generic_category(),
                          std::string(operation) + " " + path.string());
}

/// The address of the socket. A path in a cache directory may be longer than sun_path, so the
/// address leads through the descriptor of the directory (proc(5)).
struct Address {
  explicit Address(const std::filesystem::path& in)
      : directory(::open(in.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    if (!directory) fail(in, "open");
    const std::string path =
        "/proc/self/fd/" + std::to_string(directory.get()) + "/" + std::string(handover_file);
    check(path.size() < sizeof(name.sun_path), "the path of a descriptor is short");
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, path.size());
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }

  Descriptor directory;
  sockaddr_un name{};
};

void take_descriptors(msghdr& header, std::vector<Descriptor>& out) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      out.emplace_back(fd);
    }
  }
}

}  // namespace

bool Channel::send(std::string_view text, std::span<const int> descriptors) const {
  check(text.size() <= longest_text, "a text in bounds");
  const DescriptorMessage message(text, descriptors);
  return ::sendmsg(fd(), &message.header, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

Channel::Received Channel::receive() const {
  std::string text(longest_text, '\0');
  DescriptorMessage buffers{std::span(text)};
  msghdr& header = buffers.header;
  ssize_t got;
  bool reset = false;
  do {
    got = ::recvmsg(fd(), &header, MSG_CMSG_CLOEXEC);
    // Linux reports first that the other end closed without reading all, and then its messages.
  } while (got < 0 && (errno == EINTR || (errno == ECONNRESET && !std::exchange(reset, true))));
  if (got < 0) {
    timeval limit{};
    socklen_t size = sizeof limit;
    ::getsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, &size);
    const bool waits = limit.tv_sec > 0;
    return {std::nullopt, waits || (errno != EAGAIN && errno != EWOULDBLOCK)};
  }
  Message message;
  take_descriptors(header, message.descriptors);
  if (got == 0 || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return {std::nullopt, true};
  message.text.assign(text, 0, static_cast<std::size_t>(got));
  return {std::move(message), false};
}

void Channel::wait_at_most(std::chrono::seconds time) const {
  const timeval limit{time.count(), 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

Channel::Peer Channel::peer() const {
  ucred user{};
  socklen_t size = sizeof user;
  if (::getsockopt(fd(), SOL_SOCKET, SO_PEERCRED, &user, &size) != 0) return {};
  return {user.pid, static_cast<int>(user.uid)};
}

Descriptor listen_for_handover(const std::filesystem::path& directory) {
  const Address address(directory);
  const auto path = directory / handover_file;
  Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) fail(path, "socket");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail(path, "unlink");
  // bind() gives the file the mode of the socket, less the umask.
  if (::fchmod(socket.get(), 0600) != 0 ||
      ::bind(socket.get(), address.get(), sizeof(address.name)) != 0 ||
      ::listen(socket.get(), waiting_connections) != 0)
    fail(path, "listen on");
  return socket;
}

std::optional<Channel> connect_for_handover(const std::filesystem::path& directory) {
  std::error_code error;
  if (!std::filesystem::exists(directory / handover_file, error)) return std::nullopt;
  const Address address(directory);
  Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) fail(directory / handover_file, "socket");
  if (::connect(socket.get(), address.get(), sizeof(address.name)) == 0)
    return Channel(std::move(socket));
  if (errno == ECONNREFUSED || errno == ENOENT) return std::nullopt;  // of a process that has ended
  fail(directory / handover_file, "connect to");
}

}  // namespace entrepot::app
