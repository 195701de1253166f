// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/tls_socket.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "metrics/check.h"
#include "proxy/loop/loop.h"

namespace entrepot::http::tls {
namespace {

using metrics::TlsHandshake;

}  // namespace

TlsSocket::TlsSocket(loop::Loop& loop, int fd, std::shared_ptr<const Context> context,
                     const metrics::TlsMetrics& metrics)
    : fd_(fd),
      metrics_(metrics),
      stream_(std::move(context), fd),
      input_(evbuffer_new()),
      readable_(event_new(
          loop.base(), fd, EV_READ | EV_PERSIST,
          [](int, short what, void* self) { static_cast<TlsSocket*>(self)->on_ready(what); },
          this)),
      output_(stream_, fd, [this] { wait_until_writable(); }) {
  check(input_ != nullptr && readable_ != nullptr, "event_new");
}

TlsSocket::~TlsSocket() {
  event_free(readable_);
  if (writable_ != nullptr) event_free(writable_);
  evbuffer_free(input_);
  if (fd_ >= 0) ::close(fd_);
}

void TlsSocket::wait_until_writable() {
  // Most connections never wait, and an idle one should be small.
  if (writable_ == nullptr) {
    writable_ =
        event_new(event_get_base(readable_), fd_, EV_WRITE, event_get_callback(readable_), this);
    check(writable_ != nullptr, "event_new");
  }
  event_add(writable_, nullptr);
}

void TlsSocket::start(SocketUser& user) {
  user_ = &user;
  event_add(readable_, nullptr);
}

void TlsSocket::count(TlsHandshake result) {
  if (!std::exchange(counted_, true)) metrics_.handshakes(result).add();
}

void TlsSocket::on_ready(short what) {
  if (state_.is(TlsState::handshake)) {
    if (!shake_hands()) return;
    what = EV_READ;  // most clients send their request with the end of the handshake, or soon after
  }
  const bool was_empty = output_.empty();
  if (!was_empty && !flush()) return;
  if (!was_empty && output_.empty()) user_->on_event(SocketEvent::ready);
  // Bytes may have arrived together with the end of the handshake.
  if (!state_.is(TlsState::stopped) && ((what & EV_READ) != 0 || stream_.has_pending()))
    read_more();
}

bool TlsSocket::shake_hands() {
  switch (stream_.handshake()) {
    case Stream::Progress::waiting:
      if (stream_.wants_write()) wait_until_writable();
      return false;
    case Stream::Progress::failed:
      handshake_failed();
      return false;
    case Stream::Progress::done:
      break;
  }
  count(stream_.result());
  if (auto names = stream_.certificate_names(); !names.empty())
    certificate_ = std::make_shared<const std::vector<std::string>>(std::move(names));
  if (stream_.kernel_sends()) metrics_.kernel_connections().add();
  state_.enter(TlsState::open);
  if (output_.empty()) return output_.open();
  if (output_.open()) {
    if (output_.empty()) user_->on_event(SocketEvent::ready);
    return !state_.is(TlsState::stopped);
  }
  user_->on_event(SocketEvent::broken);
  return false;
}

void TlsSocket::handshake_failed() {
  count(stream_.result());
  if (stream_.result() != TlsHandshake::plain_request) return user_->on_event(SocketEvent::broken);
  state_.enter(TlsState::plain);
  stream_.become_plain();
  if (!output_.open()) return user_->on_event(SocketEvent::broken);
  user_->on_event(SocketEvent::plain_request);
}

bool TlsSocket::flush() {
  if (output_.flush()) return true;
  user_->on_event(output_.file_failed() ? SocketEvent::file_failed : SocketEvent::broken);
  return false;
}

std::ptrdiff_t TlsSocket::fill() {
  std::array<char, input_limit> bytes;
  for (;;) {
    const std::size_t room = input_limit - std::min(input_limit, evbuffer_get_length(input_));
    if (room == 0) {
      full_ = true;
      event_del(readable_);
      return Stream::blocked;
    }
    const std::ptrdiff_t n = stream_.read(std::span(bytes).first(room));
    if (n <= 0) return n;
    evbuffer_add(input_, bytes.data(), static_cast<std::size_t>(n));
    // Level-triggered: further bytes in the kernel make another event, and save a system call here.
    if (static_cast<std::size_t>(n) < room && !stream_.has_pending()) return Stream::blocked;
  }
}

void TlsSocket::read_more() {
  if (full_ || input_over_) return;
  const std::size_t before = evbuffer_get_length(input_);
  const std::ptrdiff_t last = fill();
  if (last == Stream::broken) return user_->on_event(SocketEvent::broken);
  if (last != Stream::ended) {
    if (evbuffer_get_length(input_) > before) user_->on_event(SocketEvent::ready);
    return;
  }
  input_over_ = true;
  event_del(readable_);
  user_->on_event(SocketEvent::input_end);
}

bool TlsSocket::refill() {
  if (!full_ || input_over_ || state_.is(TlsState::stopped)) return false;
  full_ = false;
  event_add(readable_, nullptr);
  // The event reports an end or a failure; the kernel may have no byte left that would cause one.
  if (fill() < 0) event_active(readable_, EV_READ, 0);
  return evbuffer_get_length(input_) > 0;
}

void TlsSocket::stop_reading() {
  input_over_ = true;
  event_del(readable_);
}

void TlsSocket::overdue() {
  if (state_.is(TlsState::handshake)) count(TlsHandshake::timeout);
}

void TlsSocket::stop() {
  if (state_.is(TlsState::handshake)) count(TlsHandshake::closed);
  event_del(readable_);
  if (writable_ != nullptr) event_del(writable_);
  // Without it, the client takes a reply that lacks bytes for one that was attacked.
  if (state_.is(TlsState::open) && output_.empty()) stream_.notify_close();
  state_.enter(TlsState::stopped);
}

int TlsSocket::release() { return std::exchange(fd_, -1); }

}  // namespace entrepot::http::tls
