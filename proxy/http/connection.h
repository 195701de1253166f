// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include "metrics/phase_variable.h"
#include "proxy/http/client/clients.h"
#include "proxy/http/connection_bounds.h"
#include "proxy/http/connection_state.h"
#include "proxy/http/listener.h"
#include "proxy/http/next.h"
#include "proxy/http/parse/refusal.h"
#include "proxy/http/parse/request_reader.h"
#include "proxy/http/reply_sender.h"
#include "proxy/http/socket/socket.h"

namespace entrepot::http {

class LoopServer;
struct TrustedProxies;

/// One client's connection: reads a request, passes it to the handler, sends its reply, and reads
/// the next one. Requests that the client sends ahead stay in a bounded input buffer and then in
/// the kernel, which slows the client down. Loop thread only.
///
///   state   | entered by                    | left by
///   arrived | the constructor               | admit() -> head; turn_away() -> linger; close()
///   head    | admit(), finish()             | a complete head -> body or reply; refuse(); close()
///   body    | a request with a body to skip | its end -> reply; refuse(); close()
///   reply   | handle()                      | finish() -> head; close()
///   linger  | linger(): sends FIN           | the client's FIN, or a deadline -> closed
///   closed  | close()                       | never; a later turn of the loop destroys it
///
/// drive() makes every move and is the only place that calls the handler; a reply given at another
/// time only posts a turn of it. connection_state.h lists the transitions.
/// Shared ownership: posted turns hold weak references. Neither copied nor moved.
class Connection final : public std::enable_shared_from_this<Connection>, private SocketUser {
 public:
  using Clock = std::chrono::steady_clock;

  /// The properties by which a server chooses the connection to displace for a new one.
  struct Claim {
    bool arrived;             ///< has neither been admitted nor turned away yet
    bool admitted;            ///< counts towards ClientLimits::connections
    bool replying;            ///< a complete request has arrived, and its reply has not ended
    Clock::time_point since;  ///< the end of the last reply; before the first one, the accept
  };

  Connection(LoopServer& server, std::unique_ptr<Socket> socket, Peer peer);

  // For the server.
  /// Asks `clients` for a place, and with one starts to read requests. Returns the verdict, and
  /// whether turn_away() or close() should follow a refusal. May be repeated. REQUIRES: arrived.
  std::pair<Clients::Verdict, bool> admit(Clients& clients);
  /// Answers `refusal` instead of reading, and then closes. REQUIRES: arrived.
  void turn_away(const Refusal& refusal);
  /// Acts on the deadlines that have passed at `now`. The server calls it a few times a second,
  /// because a timer per connection would have to be set for every request.
  void check_deadlines(Clock::time_point now);
  /// Accepts no request after the present one. If there is none, closes now, or after Next::listens
  /// waits some seconds for one. REQUIRES: not arrived.
  void drain(Next next);
  /// Closes now, whatever is in progress.
  void close();
  Claim claim() const {
    return {state_.is(ConnectionState::arrived), bounds_.admitted(),
            state_.is(ConnectionState::reply), since_};
  }
  /// Hands over the descriptor, which the destructor then does not close. REQUIRES: closed.
  int release();

  // For the exchange.
  ConnectionBounds& bounds() { return bounds_; }
  ReplySender& sender() { return sender_; }
  /// The handler has replied. A reply within handle() is finished by the turn in progress, any
  /// other one by a new turn, so that finished() and the next handle() never run inside reply().
  void continue_reply() {
    if (!turn_.running) drive_later();
  }
  /// Makes all moves that are possible now.
  void drive();

  /// Position in the server's table; the server sets it.
  std::size_t index = 0;

 private:
  /// Calls of drive(); independent of the state.
  struct Turn {
    bool running = false;
    bool posted = false;
  };

  void on_event(SocketEvent event) override;
  void drive_later();
  bool step();
  bool read();
  RequestReader::Result read_head();
  bool find_client(const TrustedProxies& proxies);
  bool handle();
  bool send();
  void end_exchange(bool complete);
  bool finish(bool complete);
  bool refuse(const Refusal& refusal);
  void linger();
  bool discard();

  // Constant after construction.
  LoopServer& server_;
  const std::unique_ptr<Socket> socket_;

  /// Shared with the exchanges; they may have one of their own (find_client()). Its certificate is
  /// known once a request arrives.
  std::shared_ptr<const Peer> peer_;

  PhaseVariable<ConnectionState> state_{ConnectionState::arrived};
  Turn turn_;
  Clock::time_point since_;         // Claim::since
  Clock::time_point linger_until_;  // of linger
  RequestReader reader_;
  ReplySender sender_;
  ConnectionBounds bounds_;
};

}  // namespace entrepot::http
