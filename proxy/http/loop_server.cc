// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/loop_server.h"

#include <algorithm>
#include <utility>

#include "metrics/check.h"
#include "proxy/http/socket/plain_socket.h"
#include "proxy/http/tls/tls_socket.h"

namespace entrepot::http {
namespace {

using std::chrono::milliseconds;

/// Keeps the shortest deadline to within a quarter of its length.
milliseconds sweep_interval(const ServerTimeouts& timeouts) {
  const milliseconds shortest = std::min({timeouts.header, timeouts.idle, timeouts.send});
  return std::clamp(shortest / 4, milliseconds(5), milliseconds(250));
}

/// Connections that make_room() compares: ten thousand for each new one would occupy the loop
/// during a flood.
constexpr std::size_t compared = 128;

/// The time for the rest of the headers of the PROXY protocol after the beginning of a drain.
constexpr std::chrono::seconds header_grace{3};

/// True if `one` is closed for a new connection rather than `other`.
bool counts_less(const Connection::Claim& one, const Connection::Claim& other) {
  return one.replying != other.replying ? !one.replying : one.since < other.since;
}

/// The whole answer to a client without a descriptor.
std::string busy_answer(HeadWriter& head_writer, Handler& handler) {
  const std::string body = handler.refused(503, "out of file descriptors", {});
  HeadWriter::Frame frame;
  frame.status = 503;
  frame.content_length = body.size();
  frame.keep_alive = false;
  return std::string(
             head_writer.write(frame, "Content-Type: application/json\r\nRetry-After: 5\r\n")) +
         body;
}

}  // namespace

LoopServer::LoopServer(loop::Loop& loop, const ServerOptions& options, Handler& handler,
                       int listening, Clients& clients)
    : loop_(loop),
      options_(options),
      handler_(handler),
      clients_(clients),
      sweep_every_(sweep_interval(ServerTimeouts(options))),
      tls_(options.tls),
      head_writer_(options.common_fields),
      listener_(
          loop, listening, [this](int fd, Peer peer) { arrivals_.accepted(fd, std::move(peer)); },
          [this] {
            // With TLS, a handshake would need the descriptor.
            return tls_ ? std::string() : busy_answer(head_writer_, handler_);
          }),
      arrivals_(loop, options, handler, clients,
                {.known = [this](int fd, Peer client) { begin(fd, std::move(client)); },
                 .make_room = [this] { return make_room(); },
                 .ended = [this] { report_if_drained(); }}) {
  if (options.own_descriptors > 0)
    listener_.reserve(options.own_descriptors, [this] { return make_room(); });
}

LoopServer::~LoopServer() { close(); }

void LoopServer::renew(std::shared_ptr<const tls::Context> context) {
  loop_.assert_in_loop();
  tls_ = std::move(context);
}

// As long as a server is open, its jobs for the next one run before that is destroyed.
void LoopServer::set_next(LoopServer& next, bool one_socket) {
  next_ = &next;
  if (one_socket)
    listener_.take_turns([this] { next_->loop_.post([to = next_] { to->start(); }); });
}

void LoopServer::start() {
  loop_.assert_in_loop();
  listener_.start();
}

bool LoopServer::make_room() {
  using Displaces = ServerOptions::Displaces;
  if (options_.displaces == Displaces::nobody) return false;
  std::shared_ptr<Connection> least;  // close() removes it from the table
  for (std::size_t i = std::min(connections_.size(), compared); i > 0; --i) {
    const auto& connection = connections_[++look_at_ % connections_.size()];
    if (!connection->claim().admitted) continue;
    if (least == nullptr || counts_less(connection->claim(), least->claim())) least = connection;
  }
  const bool busy = least != nullptr && least->claim().replying;
  if (least == nullptr || (busy && options_.displaces == Displaces::idle))
    return arrivals_.displace();
  if (options_.client_counters) options_.client_counters->idle.add();
  least->close();
  return true;
}

std::pair<Clients::Verdict, bool> LoopServer::admit(Connection& connection) {
  const auto result = connection.admit(clients_);
  if (result.first != Clients::Verdict::full || !make_room()) return result;
  return connection.admit(clients_);
}

void LoopServer::begin(int fd, Peer client) {
  std::unique_ptr<Socket> socket;
  if (tls_ == nullptr)
    socket = std::make_unique<PlainSocket>(loop_, fd);
  else
    socket = std::make_unique<tls::TlsSocket>(loop_, fd, tls_, options_.tls_metrics);
  const auto connection = std::make_shared<Connection>(*this, std::move(socket), std::move(client));
  connection->index = connections_.size();
  connections_.push_back(connection);
  if (sweep_timer_ == nullptr) sweep_later();
  const auto [verdict, told] = admit(*connection);
  if (verdict == Clients::Verdict::admitted) {
    if (draining_) connection->drain(Next::none);
    return;
  }
  // In a flood, connections that are closed without an answer must not occupy the other loops.
  const bool may_ask =
      told && next_ != this && !draining_ && options_.displaces != ServerOptions::Displaces::nobody;
  if (verdict == Clients::Verdict::full && may_ask) return ask_for_room(*next_, connection);
  turn_away(*connection, verdict, told);
}

// Only the question travels; the newcomer and its descriptor stay with this server. A draining
// server drops the question: then all servers of the ring drain, and each turns away its own
// newcomers. So once all are closed, none posts a job to another one.
void LoopServer::ask_for_room(LoopServer& asked, const std::weak_ptr<Connection>& newcomer) {
  asked.loop_.post([this, &asked, newcomer] {
    if (asked.draining_) return;
    if (!asked.make_room() && asked.next_ != this) return ask_for_room(*asked.next_, newcomer);
    loop_.post([this, &asked, newcomer] { try_again(newcomer, asked); });
  });
}

void LoopServer::try_again(const std::weak_ptr<Connection>& newcomer, LoopServer& asked) {
  const std::shared_ptr<Connection> connection = newcomer.lock();
  if (draining_ || connection == nullptr || !connection->claim().arrived) return;
  const Clients::Verdict verdict = admit(*connection).first;
  if (verdict == Clients::Verdict::admitted) return;
  // Another newcomer may have taken the place.
  if (verdict == Clients::Verdict::full && asked.next_ != this)
    return ask_for_room(*asked.next_, newcomer);
  turn_away(*connection, verdict, true);
}

void LoopServer::turn_away(Connection& connection, Clients::Verdict verdict, bool told) {
  const bool full = verdict == Clients::Verdict::full;
  if (full && options_.turned_away) options_.turned_away->add();
  if (!full && options_.client_counters) options_.client_counters->connections.add();
  if (told)
    connection.turn_away(full ? Refusal{503, "too many connections"}
                              : Refusal{429, "too many connections of one client"});
  else
    connection.close();
}

void LoopServer::remove(Connection& connection) {
  loop_.assert_in_loop();
  const std::size_t index = connection.index;
  check(connections_[index].get() == &connection, "a connection in the wrong place");
  std::shared_ptr<Connection> removed = std::move(connections_[index]);
  if (index + 1 < connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index = index;
  }
  connections_.pop_back();
  if (listener_.wants_back()) listener_.take_back(connection.release());
  // Functions of the connection are still on the stack.
  loop_.post([removed = std::move(removed)] {});
  report_if_drained();
}

void LoopServer::sweep_later() {
  // Open connections may have shorter timeouts than the present ones.
  sweep_every_ = std::min(sweep_every_, sweep_interval(arrivals_.timeouts()));
  sweep_due_ = Connection::Clock::now() + sweep_every_;
  sweep_timer_ = loop_.after(sweep_every_, [this] { sweep(); });
}

void LoopServer::sweep() {
  const auto now = Connection::Clock::now();
  // The process was stopped or the machine slept: first read the input that arrived in time.
  late_ = !late_ && now > sweep_due_ + sweep_every_;
  if (late_) return sweep_later();
  // Backwards, because remove() moves the last connection, which was checked already, to the gap.
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->check_deadlines(now);
  sweep_timer_.reset();
  if (!connections_.empty()) sweep_later();
}

void LoopServer::drain(Next next, std::function<void()> drained) {
  loop_.assert_in_loop();
  drained_ = std::move(drained);
  draining_ = true;
  listener_.close();
  arrivals_.shorten(header_grace);
  for (std::size_t i = connections_.size(); i-- > 0;) {
    Connection& connection = *connections_[i];
    if (connection.claim().arrived)
      turn_away(connection, Clients::Verdict::full, true);
    else
      connection.drain(next);
  }
  report_if_drained();
}

void LoopServer::close() {
  loop_.assert_in_loop();
  draining_ = true;
  // A server that was not used has taken no client of the one whose sockets it shares.
  listener_.started() ? listener_.close() : listener_.leave();
  arrivals_.close();
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->close();
}

void LoopServer::report_if_drained() {
  if (!connections_.empty() || !arrivals_.empty() || !drained_) return;
  // Posted, because functions of the last connection may still be on the stack.
  loop_.post(std::exchange(drained_, nullptr));
}

}  // namespace entrepot::http
