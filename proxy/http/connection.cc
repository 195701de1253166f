// SPDX-License-Identifier: Apache-2.0
//
// Reading: bytes -> requests -> handler. The table in connection.h says who moves the state.
#include "proxy/http/connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <cerrno>
#include <utility>

#include "metrics/check.h"
#include "metrics/exception.h"
#include "proxy/http/lane.h"
#include "proxy/http/parse/limits.h"

namespace entrepot::http {
namespace {

// What a client may send ahead while its present request is answered; then the kernel holds it.
// Each connection may have as much, and a head that is no larger than free_head, besides what
// ClientLimits::heads bounds.
constexpr std::size_t input_limit = 4 * 1024;
constexpr std::size_t free_head = 4 * 1024;
constexpr std::size_t write_limit = 4 * 1024 * 1024;

// Requests of one connection answered in one turn of the loop.
constexpr int steps_per_turn = 32;

bufferevent* new_socket(loop::Loop& loop, int fd) {
  bufferevent* socket = bufferevent_socket_new(loop.base(), fd, BEV_OPT_CLOSE_ON_FREE);
  check(socket != nullptr, "bufferevent_socket_new");
  return socket;
}

bool is_write(Method method) {
  return method == Method::post || method == Method::put || method == Method::patch ||
         method == Method::del;
}

}  // namespace

Connection::Connection(Lane& lane, int fd, Peer peer, Clients::Share share)
    : lane_(lane),
      socket_(new_socket(lane.loop(), fd)),
      peer_(std::move(peer)),
      output_(socket_),
      since_(Clock::now()),
      deadline_(since_ + lane.options().header_timeout),
      progress_(lane.options().send_timeout),
      share_(std::move(share)) {
  bufferevent_set_max_single_write(socket_, write_limit);
  bufferevent_setwatermark(socket_, EV_READ, 0, input_limit);
  bufferevent_setcb(socket_, on_read, on_write, on_event, this);
}

Connection::~Connection() { bufferevent_free(socket_); }

int Connection::release() {
  const int fd = bufferevent_getfd(socket_);
  bufferevent_setfd(socket_, -1);
  return fd;
}

// Reading stays on throughout: a client that leaves while its reply is prepared must be noticed.
void Connection::begin() { bufferevent_enable(socket_, EV_READ | EV_WRITE); }

void Connection::on_read(bufferevent*, void* self) { static_cast<Connection*>(self)->drive(); }

void Connection::on_write(bufferevent*, void* self) { static_cast<Connection*>(self)->drive(); }

void Connection::on_event(bufferevent*, short what, void* self) {
  const int error = errno;  // sendfile reports what is wrong with the file here, too
  auto& connection = *static_cast<Connection*>(self);
  if ((what & BEV_EVENT_WRITING) != 0 && error == EIO && connection.pump_)
    static_cast<void>(connection.pump_->file_failed());
  if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_READING) != 0)
    connection.ended_ = true;
  else
    connection.broken_ = true;
  connection.drive();
}

void Connection::drive() {
  // Once closed it may outlive its lane for a turn: nothing of that may be touched.
  if (driving_ || state_ == State::closed) return;
  lane_.loop().assert_in_loop();
  driving_ = true;
  int steps = steps_per_turn;
  while (steps > 0 && step()) --steps;
  driving_ = false;
  if (steps == 0) drive_later();
}

void Connection::drive_later() {
  if (std::exchange(turn_posted_, true)) return;
  lane_.loop().post([weak = weak_from_this()] {
    if (const std::shared_ptr<Connection> self = weak.lock()) {
      self->turn_posted_ = false;
      self->drive();
    }
  });
}

// One move. False when there is none to make until something happens.
bool Connection::step() {
  if (state_ == State::closed) return false;
  if (broken_) {
    close();
    return false;
  }
  switch (state_) {
    case State::head:
      return read_head();
    case State::body:
      return read_body();
    case State::reply:
      return send();
    default:
      return discard();
  }
}

std::string_view Connection::input() {
  evbuffer* buffer = bufferevent_get_input(socket_);
  const std::size_t n = evbuffer_get_contiguous_space(buffer);
  if (n == 0) return {};
  return {reinterpret_cast<const char*>(evbuffer_pullup(buffer, static_cast<ev_ssize_t>(n))), n};
}

void Connection::consume(std::size_t n) { evbuffer_drain(bufferevent_get_input(socket_), n); }

bool Connection::read_head() {
  const std::string_view bytes = input();
  if (bytes.empty()) return peer_ended();
  if (exchange_ == nullptr) {
    exchange_ = std::make_shared<ConnectionExchange>(*this, lane_.loop(), peer_);
    parser_.begin(exchange_->mutable_request());
    exchange_->stats().started = Clock::now();
    // From the first byte; for a new connection from its accept, and then it runs already.
    if (handled_any_) deadline_ = exchange_->stats().started + lane_.options().header_timeout;
  }
  std::size_t consumed = 0;
  const RequestParser::Result result = parser_.feed(bytes, consumed);
  consume(consumed);
  if (result == RequestParser::Result::refused) return refuse(parser_.refusal());
  if (!hold_head()) return refuse({503, "too many large request heads at once"});
  if (result == RequestParser::Result::more) return true;  // until the input is empty
  return head_complete();
}

bool Connection::hold_head() {
  const std::size_t memory = exchange_->request().memory();
  if (memory <= free_head || share_.hold_head(memory)) return true;
  if (const auto& counters = lane_.options().client_counters) counters->heads.add();
  return false;
}

bool Connection::head_complete() {
  const Framing& framing = parser_.framing();
  last_ = !parser_.keep_alive() || lane_.draining();
  if (framing.kind == Framing::Kind::none) return handle();
  drain_.begin(framing);
  // A body that its method gives a meaning is not read: the handler refuses writes, and the sooner
  // the client learns of it the better. A client that waits for 100 gets its answer instead.
  if (framing.expects_continue) {
    unread_body_ = true;
    return handle();
  }
  if (is_write(exchange_->request().method())) return take_available_body();
  if (framing.length > limits::drained) return refuse({413, "content too large"});
  deadline_ = Clock::now() + lane_.options().header_timeout;
  state_ = State::body;
  return true;
}

bool Connection::take_available_body() {
  for (std::string_view bytes = input(); !bytes.empty(); bytes = input()) {
    std::size_t consumed = 0;
    const BodySkipper::Result result = drain_.feed(bytes, consumed);
    consume(consumed);
    if (result == BodySkipper::Result::complete) return handle();
    if (result == BodySkipper::Result::refused) {
      if (drain_.refusal().status == 400) return refuse(drain_.refusal());
      break;
    }
  }
  unread_body_ = true;
  return handle();
}

bool Connection::read_body() {
  const std::string_view bytes = input();
  if (bytes.empty()) return peer_ended();
  std::size_t consumed = 0;
  const BodySkipper::Result result = drain_.feed(bytes, consumed);
  consume(consumed);
  if (result == BodySkipper::Result::refused) return refuse(drain_.refusal());
  return result == BodySkipper::Result::more || handle();
}

bool Connection::handle() {
  state_ = State::reply;
  handled_any_ = true;
  replied_ = false;
  last_ = last_ || unread_body_;
  output_.reset();
  // The handler may reply before it returns; what that leads to is for the next step.
  try {
    lane_.handler().handle(exchange_);
  } catch (...) {
    handler_failed();
    return false;
  }
  return true;
}

// In the catch block. Whoever else holds the exchange may still reply, so that an answer of ours
// would be the second.
void Connection::handler_failed() {
  const auto& failures = lane_.options().handler_failures;
  if (!failures) throw;
  count_failed_job("the answer to a request of " + peer_.name, *failures);
  abort();
}

// The client half-closed and all it sent is used up.
bool Connection::peer_ended() {
  if (ended_) close();
  return false;
}

bool Connection::discard() {
  const std::size_t n = evbuffer_get_length(bufferevent_get_input(socket_));
  consume(n);
  discarded_ += n;
  if (output_.empty() && !shut_down_) linger();
  // A client that goes on sending is left to the kernel's buffers until the time is up.
  constexpr std::size_t enough = 256 * 1024;
  if (discarded_ > enough) bufferevent_disable(socket_, EV_READ);
  if (ended_ && output_.empty()) close();
  return false;
}

void Connection::check_deadlines(Clock::time_point now) {
  switch (state_) {
    case State::head:
      if (now < deadline_) return;
      // Who has sent nothing is owed nothing.
      if (exchange_ == nullptr)
        close();
      else
        refuse({408, "request not complete in time"});
      return;
    case State::body:
      if (now >= deadline_) refuse({408, "request body not complete in time"});
      return;
    case State::reply:
      if (output_.empty())
        progress_.idle(now);
      else if (stalled(now))
        abort();
      return;
    case State::linger:
      if (now >= deadline_) close();
      return;
    case State::closed:
      return;
  }
}

}  // namespace entrepot::http
