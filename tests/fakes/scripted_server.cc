// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace entrepot::fakes {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::perror(what);
  std::abort();
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string Received::header(std::string_view name) const {
  for (std::size_t at = head.find("\r\n"); at != std::string::npos;
       at = head.find("\r\n", at + 2)) {
    const std::string_view line = std::string_view(head).substr(at + 2);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (!std::equal(name.begin(), name.end(), line.begin(),
                    [](char a, char b) { return lower(a) == lower(b); })) {
      continue;
    }
    std::string_view value = line.substr(name.size() + 1, line.find("\r\n") - name.size() - 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    return std::string(value);
  }
  return {};
}

long ScriptedServer::Reply::read(char* data, std::size_t size) {
  if (tls_ != nullptr) return SSL_read(tls_, data, static_cast<int>(size));
  for (;;) {
    const ssize_t got = ::recv(fd_, data, size, 0);
    if (got >= 0 || errno != EINTR) return got;
  }
}

long ScriptedServer::Reply::write(std::string_view bytes) {
  if (tls_ != nullptr) return SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
  for (;;) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0 || errno != EINTR) return sent;
  }
}

void ScriptedServer::Reply::raw(std::string_view bytes) {
  while (open_ && !bytes.empty()) {
    const long sent = write(bytes);
    if (sent <= 0) {
      open_ = false;
      return;
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void ScriptedServer::Reply::head(int status, const std::vector<std::string>& headers,
                                 std::size_t length) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
  for (const std::string& line : headers) text += line + "\r\n";
  text += "Content-Length: " + std::to_string(length) + "\r\n\r\n";
  raw(text);
}

void ScriptedServer::Reply::send(int status, const std::vector<std::string>& headers,
                                 std::string_view body) {
  head(status, headers, body.size());
  raw(body);
}

void ScriptedServer::Reply::close() {
  if (open_) ::shutdown(fd_, SHUT_RDWR);
  open_ = false;
}

void ScriptedServer::Reply::reset() {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  open_ = false;  // the RST goes out when the connection's thread closes the socket
}

void ScriptedServer::Reply::wait_for_peer() {
  char sink[4096];
  while (open_) open_ = read(sink, sizeof sink) > 0;
}

ScriptedServer::ScriptedServer(Script script, const TlsIdentity* identity)
    : script_(std::move(script)),
      identity_(identity),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  require(listener_ >= 0, "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  require(::bind(listener_, generic, length) == 0, "bind");
  require(::getsockname(listener_, generic, &length) == 0, "getsockname");
  require(::listen(listener_, 1024) == 0, "listen");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& server : servers_) server.join();
  ::close(listener_);
}

std::string ScriptedServer::url() const {
  return (identity_ != nullptr ? "https://127.0.0.1:" : "http://127.0.0.1:") +
         std::to_string(port_);
}

int ScriptedServer::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

std::vector<Received> ScriptedServer::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

int ScriptedServer::count(std::string_view part) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(
      received_.begin(), received_.end(),
      [part](const Received& request) { return request.target.find(part) != std::string::npos; }));
}

bool ScriptedServer::wait_for(std::string_view part, int least) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10), [&] {
    const auto matches = std::count_if(
        received_.begin(), received_.end(),
        [part](const Received& request) { return request.target.find(part) != std::string::npos; });
    return matches >= least;
  });
}

void ScriptedServer::accept_all() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int number = 0;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        ::close(fd);
        return;
      }
      open_.push_back(fd);
      number = ++connections_;
    }
    servers_.emplace_back([this, fd, number] { serve(fd, number); });
  }
}

bool ScriptedServer::read_request(Reply& peer, std::string& buffer, Received& request) {
  std::size_t end = buffer.find("\r\n\r\n");
  while (end == std::string::npos) {
    char piece[16 * 1024];
    const long got = peer.read(piece, sizeof piece);
    if (got <= 0) return false;
    buffer.append(piece, static_cast<std::size_t>(got));
    end = buffer.find("\r\n\r\n");
  }
  request.head = buffer.substr(0, end + 2);
  buffer.erase(0, end + 4);
  const std::size_t first = request.head.find(' ');
  const std::size_t second = request.head.find(' ', first + 1);
  request.method = request.head.substr(0, first);
  request.target = request.head.substr(first + 1, second - first - 1);
  return true;
}

void ScriptedServer::answer_all(Reply& reply, int number) {
  std::string buffer;
  Received request;
  request.connection = number;
  while (reply.open_ && read_request(reply, buffer, request)) {
    {
      const std::lock_guard lock(mutex_);
      received_.push_back(request);
    }
    changed_.notify_all();
    script_(request, reply);
  }
}

void ScriptedServer::serve(int fd, int number) {
  SSL* const tls = identity_ != nullptr ? SSL_new(identity_->context()) : nullptr;
  if (tls != nullptr) SSL_set_fd(tls, fd);
  if (tls == nullptr || SSL_accept(tls) == 1) {
    Reply reply(fd, tls);
    answer_all(reply, number);
  }
  SSL_free(tls);
  const std::lock_guard lock(mutex_);
  open_.remove(fd);
  ::close(fd);
}

}  // namespace entrepot::fakes
