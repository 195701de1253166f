// SPDX-License-Identifier: Apache-2.0
//
// Writing: replies -> bytes, and the ways a connection ends.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "proxy/http/connection.h"
#include "proxy/http/lane.h"

namespace entrepot::http {
namespace {

// How long the client may take to read a last reply before the socket is closed for good. Closing
// at once, with bytes of it unread, would make the kernel reset the connection and the reply be
// lost.
constexpr std::chrono::seconds linger_time{2};

// A client that has connected but not yet asked when the drain begins may still do so.
constexpr std::chrono::seconds drain_grace{1};

// What a client that finds no room is asked to wait: for as long as others hold theirs at least.
constexpr std::chrono::seconds retry_after{5};

}  // namespace

std::string_view Connection::write_head(const ReplyHead& head, std::uint64_t content_length) {
  last_ = last_ || lane_.draining();
  ReplyStats& stats = exchange_->stats();
  stats.status = head.status();
  stats.first_byte = Clock::now();
  progress_.begin(stats.first_byte, 0);
  replied_ = true;
  HeadWriter::Frame frame;
  frame.status = head.status();
  frame.http_1_0 = exchange_->request().http_1_0();
  frame.keep_alive = !last_;
  // RFC 9110 §8.6: none with 204, and with 304 only the length of what 200 would have brought.
  const bool bare = head.status() == 204 || (head.status() == 304 && content_length == 0);
  frame.content_length = bare ? HeadWriter::no_length : content_length;
  const std::string_view bytes = lane_.head_writer().write(frame, head.fields());
  head_size_ = bytes.size();
  return bytes;
}

bool Connection::body_allowed(int status) const {
  return !exchange_->request().is_head() && status != 204 && status != 304;
}

// A reply given within handle() is finished by the turn under way, any other in a turn of its own,
// so that finished() and the next handle() never run inside the caller of reply().
void Connection::after_reply(bool ok) {
  if (!ok) broken_ = true;
  if (!driving_) drive_later();
}

void Connection::reply(const ReplyHead& head, std::string_view body) {
  const std::string_view bytes = write_head(head, body.size());
  after_reply(output_.write(bytes, body_allowed(head.status()) ? body : std::string_view(), false));
}

void Connection::reply(const ReplyHead& head, std::span<const SharedText> texts) {
  std::uint64_t length = 0;
  for (const SharedText& text : texts) length += text.text.size();
  const std::string_view bytes = write_head(head, length);
  after_reply(
      output_.write(bytes, body_allowed(head.status()) ? texts : std::span<const SharedText>()));
}

void Connection::reply(const ReplyHead& head, std::unique_ptr<Body> body, Pieces pieces) {
  const std::uint64_t length = pieces.total_length();
  const std::string_view bytes = write_head(head, length);
  const bool with_body = body_allowed(head.status()) && length > 0;
  if (with_body)
    pump_.emplace(std::move(body), std::move(pieces), output_, lane_.loop(),
                  lane_.options().readers, [weak = weak_from_this()] {
                    if (const std::shared_ptr<Connection> self = weak.lock()) self->drive();
                  });
  // The head waits for the body's first bytes only if they are there.
  after_reply(output_.write(bytes, {}, with_body && pump_->ready()));
}

void Connection::reply_head(const ReplyHead& head, std::uint64_t content_length) {
  after_reply(output_.write(write_head(head, content_length), {}, false));
}

// The handler has the request, or its reply is on its way.
bool Connection::send() {
  if (!replied_) {
    if (ended_) close();
    return false;
  }
  if (pump_) {
    switch (pump_->run()) {
      case BodyPump::Result::again:
        drive_later();
        return false;
      case BodyPump::Result::blocked:
        return false;
      case BodyPump::Result::waiting:
        if (ended_) close();
        return false;
      case BodyPump::Result::failed:
        last_ = unread_body_ = true;  // the client must see the end at once, and it must be a FIN
        return finish(false);
      case BodyPump::Result::done:
        return finish(true);
    }
  }
  return output_.empty() && finish(true);
}

// The reply ended: tells the handler, once for every handle().
void Connection::end_exchange(bool complete) {
  const std::shared_ptr<ConnectionExchange> exchange = std::exchange(exchange_, nullptr);
  ReplyStats& stats = exchange->stats();
  stats.finished = Clock::now();
  stats.complete = complete;
  const std::uint64_t sent = replied_ ? output_.sent() : 0;
  stats.body_bytes = sent - std::min<std::uint64_t>(sent, head_size_);
  exchange->detach();
  pump_.reset();
  since_ = stats.finished;
  deadline_ = since_ + lane_.options().idle_timeout;
  share_.end_request();
  lane_.handler().finished(*exchange, stats);
  exchange->forget();
}

bool Connection::finish(bool complete) {
  state_ = State::head;
  end_exchange(complete);
  if (!last_ && !lane_.draining()) return true;
  const bool more_input = evbuffer_get_length(bufferevent_get_input(socket_)) > 0;
  if (complete && !unread_body_ && !more_input)
    close();
  else
    linger();
  return false;
}

bool Connection::refuse(const Refusal& refusal) {
  const bool head_only = exchange_ != nullptr && exchange_->request().is_head();
  const bool keep = !refusal.close && parser_.framing().kind == Framing::Kind::none &&
                    parser_.keep_alive() && !lane_.draining();
  const std::string body = lane_.handler().refused(refusal.status, refusal.reason, peer_.name);
  ReplyHead head(refusal.status);
  head.add("Content-Type", "application/json");
  if (refusal.status == 405) head.add("Allow", "GET, HEAD");
  if (refusal.status == 503) head.add("Retry-After", std::uint64_t{retry_after.count()});
  HeadWriter::Frame frame;
  frame.status = refusal.status;
  frame.content_length = body.size();
  frame.keep_alive = keep;
  frame.http_1_0 = exchange_ != nullptr && exchange_->request().http_1_0();
  exchange_.reset();
  share_.end_request();
  const bool sent = output_.write(lane_.head_writer().write(frame, head.fields()),
                                  head_only ? std::string_view() : body, false);
  if (!sent) {
    close();
  } else if (keep && output_.empty()) {
    handled_any_ = true;
    state_ = State::head;
    deadline_ = Clock::now() + lane_.options().idle_timeout;
    return true;
  } else {
    linger();
  }
  return false;
}

void Connection::turn_away(const Refusal& refusal) {
  refuse(refusal);
  if (state_ != State::closed) begin();
}

// No more is written; what the client still sends is thrown away until it, too, has ended.
void Connection::linger() {
  if (state_ != State::linger) {
    state_ = State::linger;
    deadline_ = Clock::now() + linger_time;
  }
  if (!output_.empty() || std::exchange(shut_down_, true)) return;
  shutdown(bufferevent_getfd(socket_), SHUT_WR);
  drive_later();
}

void Connection::close() {
  if (state_ == State::closed) return;
  const bool in_reply = state_ == State::reply;
  state_ = State::closed;
  bufferevent_setcb(socket_, nullptr, nullptr, nullptr, nullptr);
  bufferevent_disable(socket_, EV_READ | EV_WRITE);
  if (in_reply) end_exchange(false);
  exchange_.reset();
  share_.release();
  lane_.remove(*this);
}

// Closes without leaving the kernel megabytes to deliver to a client that does not take them.
void Connection::abort() {
  const ::linger reset{1, 0};
  setsockopt(bufferevent_getfd(socket_), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  close();
}

void Connection::drain() {
  if (state_ != State::head || exchange_ != nullptr) return;  // write_head() and finish() will see
  if (!handled_any_) {
    deadline_ = std::min(deadline_, Clock::now() + drain_grace);
    return;
  }
  // A request may have arrived that was not read yet.
  char byte;
  if (recv(bufferevent_getfd(socket_), &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) close();
}

void Connection::cut() { close(); }

// Asked of the kernel, since its buffer may be megabytes deep and a slow client take minutes to
// make room in it.
bool Connection::stalled(Clock::time_point now) {
  if (!progress_.due(now) || !progress_.too_slow(now, output_.acknowledged())) return false;
  if (const auto& counters = lane_.options().client_counters) counters->slow.add();
  return true;
}

bool Connection::begin_miss() {
  if (share_.begin_miss()) return true;
  if (const auto& counters = lane_.options().client_counters) counters->misses.add();
  return false;
}

}  // namespace entrepot::http
