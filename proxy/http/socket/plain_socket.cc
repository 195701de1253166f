// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/socket/plain_socket.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "metrics/check.h"
#include "proxy/loop/loop.h"

namespace entrepot::http {
namespace {

/// Texts of a reply that are sent directly; the texts after them are queued.
constexpr std::size_t sent_at_once = 8;

iovec vector_of(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

constexpr std::size_t write_limit = 4 * 1024 * 1024;

bufferevent* new_socket(loop::Loop& loop, int fd) {
  bufferevent* socket = bufferevent_socket_new(loop.base(), fd, BEV_OPT_CLOSE_ON_FREE);
  check(socket != nullptr, "bufferevent_socket_new");
  return socket;
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

void release(const void*, std::size_t, void* owner) {
  delete static_cast<std::shared_ptr<const std::string>*>(owner);
}

}  // namespace

PlainOutput::PlainOutput(bufferevent* socket, std::function<void()> call_again)
    : Output(bufferevent_getfd(socket)),
      buffer_(bufferevent_get_output(socket)),
      call_again_(std::move(call_again)) {}

std::ptrdiff_t PlainOutput::try_send(std::span<iovec> pieces, bool more) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  const ssize_t n = sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
  if (n >= 0) return n;
  return would_block() ? 0 : -1;
}

bool PlainOutput::write(std::string_view head, std::string_view body, bool more) {
  written_ += head.size() + body.size();
  std::size_t sent = 0;
  if (empty()) {
    std::array<iovec, 2> pieces{{vector_of(head), vector_of(body)}};
    const std::ptrdiff_t n = try_send(std::span(pieces).first(body.empty() ? 1 : 2), more);
    if (n < 0) return false;
    sent = static_cast<std::size_t>(n);
  }
  if (sent < head.size()) evbuffer_add(buffer_, head.data() + sent, head.size() - sent);
  const std::size_t skip = sent - std::min(sent, head.size());
  if (skip < body.size()) evbuffer_add(buffer_, body.data() + skip, body.size() - skip);
  return true;
}

bool PlainOutput::write(std::string_view head, std::span<const SharedText> texts) {
  written_ += head.size();
  for (const SharedText& text : texts) written_ += text.text.size();
  std::size_t sent = 0;
  if (empty()) {
    std::array<iovec, sent_at_once> pieces;
    std::size_t count = 0;
    pieces[count++] = vector_of(head);
    for (const SharedText& text : texts.first(std::min(texts.size(), pieces.size() - 1)))
      pieces[count++] = vector_of(text.text);
    const bool more = texts.size() >= pieces.size();
    const std::ptrdiff_t n = try_send(std::span(pieces).first(count), more);
    if (n < 0) return false;
    sent = static_cast<std::size_t>(n);
  }
  if (sent < head.size()) evbuffer_add(buffer_, head.data() + sent, head.size() - sent);
  std::size_t skip = sent - std::min(sent, head.size());
  for (const auto& [owner, text] : texts) {
    const std::string_view left = text.substr(std::min(skip, text.size()));
    skip -= text.size() - left.size();
    if (left.empty()) continue;
    evbuffer_add_reference(buffer_, left.data(), left.size(), release,
                           new std::shared_ptr<const std::string>(owner));
  }
  return true;
}

bool PlainOutput::send_file(int fd, std::uint64_t offset, std::size_t length) {
  check(file_rest_ == 0, "a part of a file before the last one was sent");
  written_ += length;
  file_rest_ = length;
  if (evbuffer_get_length(buffer_) > 0) return true;  // its end is an event
  auto from = static_cast<off_t>(offset);
  const ssize_t n = sendfile(fd_, fd, &from, length);
  if (n == 0 || (n < 0 && !would_block())) {
    file_failed_ = n == 0 || errno == EIO;  // 0: the file ends too early
    withdraw();  // nothing is left to send, so the end of the stream may follow
    return false;
  }
  if (n > 0) file_rest_ -= static_cast<std::size_t>(n);
  if (file_rest_ > 0) call_again_();
  return true;
}

std::size_t PlainOutput::withdraw() {
  written_ -= file_rest_;
  return std::exchange(file_rest_, 0);
}

std::size_t PlainOutput::queued() const { return evbuffer_get_length(buffer_) + file_rest_; }

void PlainOutput::end() { shutdown(fd_, SHUT_WR); }

PlainSocket::PlainSocket(loop::Loop& loop, int fd)
    : socket_(new_socket(loop, fd)), output_(socket_, [this] { wait_until_writable(); }) {
  bufferevent_set_max_single_write(socket_, write_limit);
  bufferevent_setwatermark(socket_, EV_READ, 0, input_limit);
}

PlainSocket::~PlainSocket() {
  if (writable_ != nullptr) event_free(writable_);
  bufferevent_free(socket_);
}

void PlainSocket::wait_until_writable() {
  if (writable_ == nullptr) {
    const auto on_writable = [](int, short, void* self) {
      static_cast<PlainSocket*>(self)->user_->on_event(SocketEvent::ready);
    };
    writable_ = event_new(bufferevent_get_base(socket_), fd(), EV_WRITE, on_writable, this);
    check(writable_ != nullptr, "event_new");
  }
  event_add(writable_, nullptr);
}

evbuffer* PlainSocket::input() { return bufferevent_get_input(socket_); }

int PlainSocket::fd() const { return bufferevent_getfd(socket_); }

void PlainSocket::start(SocketUser& user) {
  user_ = &user;
  const auto on_ready = [](bufferevent*, void* self) {
    static_cast<PlainSocket*>(self)->user_->on_event(SocketEvent::ready);
  };
  const auto on_event = [](bufferevent*, short what, void* self) {
    static_cast<PlainSocket*>(self)->on_event(what);
  };
  bufferevent_setcb(socket_, on_ready, on_ready, on_event, this);
  bufferevent_enable(socket_, EV_READ | EV_WRITE);
}

void PlainSocket::on_event(short what) {
  const bool ended = (what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_READING) != 0;
  user_->on_event(ended ? SocketEvent::input_end : SocketEvent::broken);
}

void PlainSocket::stop_reading() { bufferevent_disable(socket_, EV_READ); }

void PlainSocket::stop() {
  if (writable_ != nullptr) event_del(writable_);
  bufferevent_setcb(socket_, nullptr, nullptr, nullptr, nullptr);
  bufferevent_disable(socket_, EV_READ | EV_WRITE);
}

int PlainSocket::release() {
  const int fd = bufferevent_getfd(socket_);
  bufferevent_setfd(socket_, -1);
  return fd;
}

}  // namespace entrepot::http
