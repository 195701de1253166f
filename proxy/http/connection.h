// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/http/body_pump.h"
#include "proxy/http/clients.h"
#include "proxy/http/connection_exchange.h"
#include "proxy/http/exchange.h"
#include "proxy/http/listener.h"
#include "proxy/http/output.h"
#include "proxy/http/parse/body_skipper.h"
#include "proxy/http/parse/request_parser.h"
#include "proxy/http/send_progress.h"

struct bufferevent;

namespace entrepot::http {

class Lane;

/// One client's connection: reads requests, one at a time, hands each to the handler, and sends its
/// reply; what is pipelined behind it stays in a bounded input buffer and then in the kernel, so
/// the client feels it. Loop thread only.
///
///   state   | entered by                    | left by
///   head    | begin(), finish()             | a whole head -> body or reply; refuse(); close()
///   body    | a request with a body to skip | its end -> reply; refuse(); close()
///   reply   | handle()                      | finish() -> head, linger or closed
///   linger  | linger(): no more is sent     | the client's end, or a short time -> closed
///   closed  | close()                       | for good; destroyed in a later turn of the loop
///
/// drive() makes every move, and is the only place that calls the handler; a reply given at another
/// time only posts a turn of it. (Shared ownership: such posts hold weak references.)
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  /// Takes the connected, non-blocking socket `fd`.
  Connection(Lane& lane, int fd, Peer peer, Clients::Share share);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // For the lane.
  /// Starts to read.
  void begin();
  /// Answers with an error at once, and closes.
  void turn_away(const Refusal& refusal);
  /// Acts on what is overdue. Called a few times a second: a timer of its own would have to be set
  /// anew for every request.
  void check_deadlines(Clock::time_point now);
  /// No further request after the present one; closes now if there is none.
  void drain();
  /// Closes now, whatever is under way.
  void cut();
  /// Whether it has one of the places of its server: not while it is told that there is none.
  bool admitted() const { return share_.admitted(); }
  /// Whether a whole request has come whose reply is not at its end.
  bool asked() const { return state_ == State::reply; }
  /// Since when it waits for a request: since the end of its last reply, or since it was accepted.
  Clock::time_point since() const { return since_; }
  /// Of a closed one: gives its descriptor away instead of closing it later.
  int release();

  // For the exchange.
  bool begin_miss();
  void reply(const ReplyHead& head, std::string_view body);
  void reply(const ReplyHead& head, std::span<const SharedText> texts);
  void reply(const ReplyHead& head, std::unique_ptr<Body> body, Pieces pieces);
  void reply_head(const ReplyHead& head, std::uint64_t content_length);

  /// Where this connection is in its lane's table; the lane's to set.
  std::size_t index = 0;

 private:
  enum class State : std::uint8_t { head, body, reply, linger, closed };

  static void on_read(bufferevent*, void* self);
  static void on_write(bufferevent*, void* self);
  static void on_event(bufferevent*, short what, void* self);

  // connection.cc: reading and the turns.
  void drive();
  void drive_later();
  bool step();
  bool read_head();
  bool hold_head();
  bool head_complete();
  bool read_body();
  bool take_available_body();
  bool handle();
  void handler_failed();
  bool discard();
  bool peer_ended();

  // connection_reply.cc: writing and the end.
  bool send();
  std::string_view write_head(const ReplyHead& head, std::uint64_t content_length);
  bool body_allowed(int status) const;
  void after_reply(bool ok);
  void end_exchange(bool complete);
  bool finish(bool complete);
  bool refuse(const Refusal& refusal);
  void linger();
  void close();
  void abort();
  bool stalled(Clock::time_point now);

  std::string_view input();
  void consume(std::size_t n);

  // Constant after construction.
  Lane& lane_;
  bufferevent* const socket_;
  const Peer peer_;

  Output output_;
  RequestParser parser_;
  BodySkipper drain_;
  std::shared_ptr<ConnectionExchange> exchange_;  // being read, or being replied to
  std::optional<BodyPump> pump_;

  State state_ = State::head;
  bool driving_ = false;
  bool turn_posted_ = false;
  bool last_ = false;         // this reply ends the connection
  bool replied_ = false;      // the handler has replied
  bool broken_ = false;       // the socket or the body cannot go on
  bool ended_ = false;        // the client will send no more
  bool unread_body_ = false;  // what follows in the input is no request
  bool shut_down_ = false;    // our FIN is under way
  bool handled_any_ = false;

  std::size_t head_size_ = 0;   // of the reply
  std::size_t discarded_ = 0;   // while lingering
  Clock::time_point since_;     // accepted, or the end of the last reply
  Clock::time_point deadline_;  // of head, body and linger
  SendProgress progress_;
  Clients::Share share_;
};

}  // namespace entrepot::http
