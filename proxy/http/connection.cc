// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/connection.h"

#include <sys/socket.h>

#include <string>
#include <utility>

#include "metrics/check.h"
#include "metrics/exception.h"
#include "proxy/http/loop_server.h"
#include "proxy/http/peer/forwarded_for.h"
#include "proxy/http/peer/forwarding.h"

namespace entrepot::http {
namespace {

using State = ConnectionState;
using Read = RequestReader::Result;

/// Moves of one connection in one turn of the loop.
constexpr int steps_per_turn = 32;
/// The time a client has to read a last reply before the socket is closed for good. A close with
/// unread input would make the kernel reset the connection, and the reply would be lost.
constexpr std::chrono::seconds linger_time{2};
/// Input that is read and discarded in that time; the kernel holds the rest.
constexpr std::size_t discard_limit = 256 * 1024;
/// The time in which a client that connected before a drain may still send a request: on a lossy
/// link it sends it a second time after a second (RFC 6298 §2).
constexpr std::chrono::seconds drain_grace{3};

std::shared_ptr<const Peer> with_certificate(
    Peer peer, std::shared_ptr<const std::vector<std::string>> certificate) {
  peer.certificate = std::move(certificate);
  return std::make_shared<const Peer>(std::move(peer));
}

}  // namespace

Connection::Connection(LoopServer& server, std::unique_ptr<Socket> socket, Peer peer)
    : server_(server),
      socket_(std::move(socket)),
      peer_(std::make_shared<const Peer>(std::move(peer))),
      since_(Clock::now()),
      reader_(socket_->input(),
              {server.arrivals().timeouts().header, server.arrivals().timeouts().idle}, since_),
      sender_(server, socket_->output()),
      bounds_(server.options()) {}

int Connection::release() {
  server_.loop().assert_in_loop();
  return socket_->release();
}

std::pair<Clients::Verdict, bool> Connection::admit(Clients& clients) {
  server_.loop().assert_in_loop();
  const TrustedProxies* proxies = server_.arrivals().proxies();
  const bool of_proxy = proxies && names_clients_in_requests(*proxies, *peer_);
  const auto [verdict, told] = bounds_.admit(
      clients, peer_->address, of_proxy ? Clients::Role::proxy : Clients::Role::client);
  if (verdict == Clients::Verdict::admitted) {
    state_.enter(State::head);
    // Reading stays on from here, so that a client that leaves before its reply is noticed.
    socket_->start(*this);
  }
  return {verdict, told};
}

void Connection::on_event(SocketEvent event) {
  switch (event) {
    case SocketEvent::ready:
      return drive();
    case SocketEvent::input_end:
      reader_.end_input();
      return drive();
    case SocketEvent::file_failed:
      sender_.file_failed();
      return close();
    case SocketEvent::broken:
      // The client gets an alert of TLS instead of a reply.
      if (const auto fault = socket_->certificate_fault(); !fault.empty())
        server_.handler().refused(0, fault, *peer_);
      return close();
    case SocketEvent::plain_request:
      // A connection that was turned away has its answer already.
      if (state_.is(State::head)) refuse({400, plain_on_tls_port});
      return drive();
  }
}

void Connection::drive() {
  // A closed connection may outlive its server for a turn and must not touch it.
  if (turn_.running || state_.is(State::closed)) return;
  server_.loop().assert_in_loop();
  turn_.running = true;
  int steps = steps_per_turn;
  while (steps > 0 && step()) --steps;
  turn_.running = false;
  if (steps == 0) drive_later();
}

void Connection::drive_later() {
  if (std::exchange(turn_.posted, true)) return;
  server_.loop().post([weak = weak_from_this()] {
    if (const std::shared_ptr<Connection> self = weak.lock()) {
      self->turn_.posted = false;
      self->drive();
    }
  });
}

/// Makes one move. False: no move is possible until something happens.
bool Connection::step() {
  switch (state_.get()) {
    case State::head:
    case State::body:
      return read();
    case State::reply:
      return send();
    case State::linger:
      return discard();
    case State::arrived:
    case State::closed:
      break;
  }
  return false;
}

bool Connection::read() {
  switch (state_.is(State::head) ? read_head() : reader_.read_body()) {
    case Read::empty:
      if (socket_->refill()) return true;
      if (reader_.input_ended()) close();  // the client sends no more, and all is answered
      return false;
    case Read::body:
      state_.enter(State::body);
      return true;
    case Read::complete:
      return handle();
    case Read::refused:
      return refuse(reader_.refusal());
    case Read::more:
      break;
  }
  return true;
}

Read Connection::read_head() {
  const std::string_view bytes = reader_.input();
  if (bytes.empty()) return Read::empty;
  if (sender_.exchange() == nullptr) {
    if (peer_->certificate == nullptr)
      if (auto certificate = socket_->certificate(); certificate)
        peer_ = with_certificate(*peer_, std::move(certificate));
    ConnectionExchange& exchange = sender_.open(*this, peer_);
    reader_.begin(exchange.mutable_request(), exchange.stats().started);
  }
  const Read result = reader_.read_head(bytes);
  if (result == Read::refused) return result;
  const Request& request = sender_.exchange()->request();
  if (const auto refusal = bounds_.hold_head(request.memory())) return reader_.refuse(refusal);
  if (result != Read::complete) return result;
  if (const TrustedProxies* proxies = server_.arrivals().proxies();
      proxies && !find_client(*proxies))
    return reader_.refuse({400, "X-Forwarded-For holds an entry that is no address", false});
  return reader_.decide_body(request.method());
}

/// Finds the client of a request that a trusted proxy has passed on. False: the proxy names none.
/// Then the address of the proxy is no substitute, because a rule may admit it.
bool Connection::find_client(const TrustedProxies& proxies) {
  if (!names_clients_in_requests(proxies, *peer_)) return true;
  const auto& exchange = sender_.exchange();
  const ForwardedFor found = forwarded_for(exchange->request(), proxies);
  if (found.malformed) {
    server_.arrivals().failed(metrics::Forwarding::malformed, *peer_);
    return false;
  }
  const auto& counters = server_.options().forwarding;
  counters.clients(found.client ? metrics::Forwarding::ok : metrics::Forwarding::own).add();
  if (found.client)
    exchange->set_peer(std::make_shared<const Peer>(forwarded_peer(*peer_, *found.client)));
  return true;
}

bool Connection::handle() {
  state_.enter(State::reply);
  reader_.end_request();
  sender_.begin(!reader_.keep_alive() || reader_.has_unread_body());
  // The handler may reply before it returns; the next step acts on the reply.
  try {
    server_.handler().handle(sender_.exchange());
  } catch (...) {
    // Not a 500: the code that threw may have kept the exchange and reply later.
    const auto& failures = server_.options().handler_failures;
    if (!failures) throw;
    count_failed_job("the answer to a request of " + peer_->name, *failures);
    socket_->reset_on_close();
    close();
    return false;
  }
  return true;
}

/// The handler has the request, or its reply is being sent.
bool Connection::send() {
  if (sender_.broken()) {
    close();
    return false;
  }
  using Result = BodyPump::Result;
  const Result result = sender_.run();
  if (result == Result::done) return finish(true);
  if (result == Result::failed) {
    sender_.make_last();  // the client must see the end at once, and it must be a FIN
    return finish(false);
  }
  if (result == Result::again) drive_later();
  if (result == Result::waiting && reader_.input_ended()) close();  // the client has left
  return false;
}

/// Reports the end of a reply to the handler, once for every handle().
void Connection::end_exchange(bool complete) {
  const std::shared_ptr<ConnectionExchange> exchange = sender_.end(complete);
  since_ = exchange->stats().finished;
  reader_.wait(since_);
  bounds_.end_request();
  server_.handler().finished(*exchange, exchange->stats());
  exchange->forget();
}

bool Connection::finish(bool complete) {
  state_.enter(State::head);
  end_exchange(complete);
  if (!sender_.last()) return true;
  const bool clean = complete && !reader_.has_unread_body() && !reader_.has_input();
  clean ? close() : linger();
  return false;
}

bool Connection::refuse(const Refusal& refusal) {
  const bool keep = !refusal.close && reader_.can_continue() && !server_.draining();
  const bool sent = sender_.refuse(refusal, *peer_, keep);
  bounds_.end_request();
  if (sent && keep && sender_.empty()) {
    reader_.end_request();
    reader_.wait(Clock::now());
    return true;
  }
  sent ? linger() : close();
  return false;
}

void Connection::turn_away(const Refusal& refusal) {
  server_.loop().assert_in_loop();
  refuse(refusal);
  if (!state_.is(State::closed)) socket_->start(*this);
}

/// Sends the queued bytes and FIN, and discards input until the client's FIN.
void Connection::linger() {
  if (!state_.is(State::linger)) {
    state_.enter(State::linger);
    linger_until_ = Clock::now() + linger_time;
  }
  if (sender_.end_output()) drive_later();
}

bool Connection::discard() {
  const std::size_t discarded = reader_.discard_input();
  linger();
  if (discarded > discard_limit) socket_->stop_reading();
  if (reader_.input_ended() && sender_.empty()) close();
  return discarded <= discard_limit && !state_.is(State::closed) && socket_->refill();
}

void Connection::close() {
  if (state_.is(State::closed)) return;  // see drive()
  server_.loop().assert_in_loop();
  const bool replying = state_.is(State::reply);
  state_.enter(State::closed);
  socket_->stop();
  if (replying) end_exchange(false);
  sender_.drop_exchange();
  bounds_.release();
  server_.remove(*this);
}

void Connection::check_deadlines(Clock::time_point now) {
  server_.loop().assert_in_loop();
  if (state_.is(State::reply)) {
    if (!sender_.stalled(now)) return;
    if (const auto& counters = server_.options().client_counters) counters->slow.add();
    socket_->reset_on_close();
    close();
  } else if (state_.is(State::linger)) {
    if (now >= linger_until_) close();
  } else if (!state_.is(State::closed) && reader_.overdue(now)) {
    // A client that has sent nothing gets no reply.
    if (sender_.exchange() == nullptr) {
      socket_->overdue();
      return close();
    }
    refuse({408, state_.is(State::head) ? "request not complete in time"
                                        : "request body not complete in time"});
  }
}

void Connection::drain(Next next) {
  server_.loop().assert_in_loop();
  // A request is in progress; the end of its reply closes the connection.
  if (!state_.is(State::head) || sender_.exchange() != nullptr) return;
  if (reader_.is_first_request() || next == Next::listens)
    return reader_.shorten_deadline(Clock::now() + drain_grace);
  // The kernel may hold a request that has not been read yet.
  char byte;
  if (recv(socket_->fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) close();
}

}  // namespace entrepot::http
