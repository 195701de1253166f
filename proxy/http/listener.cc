// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/listener.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "metrics/check.h"
#include "metrics/log.h"
#include "proxy/http/peer/source_address.h"

namespace entrepot::http {
namespace {

// Connections accepted in one turn, so that a burst of them does not delay the others.
constexpr int accepted_per_turn = 64;

/// The client of the accepted connection `fd`.
Peer peer_of(int fd, const sockaddr_storage& address) {
  if (address.ss_family != AF_UNIX) {
    // IPv4 and IPv6 addresses have the port at the same offset.
    const std::uint16_t port = ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
    const SourceAddress source{IpAddress::of(address), port};
    return {source.text(), ClientAddress::of(source.ip), source.ip};
  }
  ucred user{};
  socklen_t size = sizeof(user);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size) != 0) return {"unix", {}};
  std::string name("unix:uid=");
  name.append(std::to_string(user.uid)).append(",pid=").append(std::to_string(user.pid));
  return {std::move(name), ClientAddress::of_user(user.uid), {}, user.uid};
}

int open_spare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

Listener::Listener(loop::Loop& loop, int fd, Accepted accepted, std::function<std::string()> busy)
    : loop_(loop),
      accepted_(std::move(accepted)),
      busy_(std::move(busy)),
      fd_(fd),
      spare_(open_spare()),
      ready_(event_new(loop.base(), fd, EV_READ | EV_PERSIST, on_ready, this)) {
  check(ready_ != nullptr, "event_new");
}

Listener::~Listener() {
  loop_.assert_in_loop();
  event_free(ready_);
  if (fd_ >= 0) ::close(fd_);
  if (spare_ >= 0) ::close(spare_);
  for (const int reserved : reserve_) ::close(reserved);
}

void Listener::reserve(std::size_t descriptors, MakeRoom make_room) {
  reserved_ = descriptors;
  make_room_ = std::move(make_room);
  while (wants_back()) {
    const int fd = open_spare();
    if (fd < 0) return;
    reserve_.push_back(fd);
  }
}

void Listener::take_back(int fd) {
  if (spare_ >= 0 && dup3(spare_, fd, O_CLOEXEC) == fd)
    reserve_.push_back(fd);
  else
    ::close(fd);
}

bool Listener::free_descriptor() {
  if (reserve_.empty() && !(make_room_ && make_room_())) return false;
  if (reserve_.empty()) return false;
  ::close(reserve_.back());
  reserve_.pop_back();
  return true;
}

void Listener::start() {
  loop_.assert_in_loop();
  started_ = true;
  if (fd_ >= 0) event_add(ready_, nullptr);
}

void Listener::close() {
  loop_.assert_in_loop();
  if (fd_ < 0) return;
  // The clients in the kernel's queue are connected already; closing the socket would reset them.
  while (accept_some(accepted_per_turn)) {
  }
  leave();
}

void Listener::leave() {
  loop_.assert_in_loop();
  if (fd_ < 0) return;
  resting_.reset();
  event_del(ready_);
  ::close(std::exchange(fd_, -1));
}

void Listener::on_ready(int, short, void* self) {
  auto& listener = *static_cast<Listener*>(self);
  if (!listener.pass_) {
    // Clients that come one at a time cost no accept4() that finds the queue empty.
    const bool more = listener.accept_some(listener.batch_);
    listener.batch_ = more ? std::min(2 * listener.batch_, accepted_per_turn) : 1;
  } else if (listener.accept_some(1)) {
    event_del(listener.ready_);
    listener.pass_();
  }
}

bool Listener::accept_some(int limit) {
  for (int i = 0; i < limit; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof(peer);
    const int fd =
        accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      const int on = 1;
      if (peer.ss_family != AF_UNIX) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      accepted_(fd, peer_of(fd, peer));
      continue;
    }
    if ((errno == EMFILE || errno == ENFILE) && free_descriptor()) continue;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      out_of_descriptors();
      return false;
    }
    // EINVAL: it does not listen yet. All other errors concern only the connection that was to be
    // accepted (accept(2)).
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINVAL) return false;
  }
  return true;
}

void Listener::out_of_descriptors() {
  if (spare_ >= 0) ::close(std::exchange(spare_, -1));
  const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    const std::string answer = busy_();
    send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    ::close(fd);
  }
  spare_ = open_spare();
  if (resting_) return;
  log::warn("out of file descriptors; accepting no connections for {} ms (raise LimitNOFILE)",
            rest.count());
  event_del(ready_);
  resting_ = loop_.after(rest, [this] {
    resting_.reset();
    event_add(ready_, nullptr);
  });
}

}  // namespace entrepot::http
