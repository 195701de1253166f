// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/http/body_pump.h"
#include "proxy/http/body_wait.h"
#include "proxy/http/client/paced_reply.h"
#include "proxy/http/connection_exchange.h"
#include "proxy/http/exchange.h"
#include "proxy/http/parse/refusal.h"
#include "proxy/http/send_progress.h"
#include "proxy/http/socket/output.h"

namespace entrepot::http {

class LoopServer;

/// Sends the replies of one connection: writes the head, pumps the body, and measures how fast the
/// client takes it. Owns the present exchange from the first byte of its request on. Makes no
/// decisions about the connection, which calls run() until the reply has ended. Loop thread only;
/// the connection asserts that for each request.
class ReplySender {
 public:
  using Clock = std::chrono::steady_clock;

  /// `server` and `output` outlive this.
  ReplySender(LoopServer& server, Output& output);
  ReplySender(const ReplySender&) = delete;
  ReplySender& operator=(const ReplySender&) = delete;

  /// Creates the exchange of a request whose first byte has arrived. `connection` calls end() or
  /// drop_exchange() before its destructor.
  ConnectionExchange& open(Connection& connection, const std::shared_ptr<const Peer>& peer);
  /// Null while no byte of a request has arrived.
  const std::shared_ptr<ConnectionExchange>& exchange() const { return exchange_; }
  /// The request is complete and goes to its handler. `last`: the reply ends the connection.
  void begin(bool last);
  /// Sends the reply at this pace. Calls `wake` in a later turn of the loop when run() can
  /// continue. After begin(); `pace` is used until end().
  void set_pace(Pace& pace, std::function<void()> wake);

  // For the exchange, which asserts its thread: one of these, once, after begin().
  void reply(const ReplyHead& head, std::string_view body);
  void reply(const ReplyHead& head, std::span<const SharedText> texts);
  /// Calls `wake` in a later turn of the loop when run() can continue, perhaps after the end of
  /// this object.
  void reply(const ReplyHead& head, std::unique_ptr<Body> body, Pieces pieces,
             std::function<void()> wake);
  void reply_head(const ReplyHead& head, std::uint64_t content_length);

  /// Sends as much of the reply as possible. `waiting`: so far there is nothing to send.
  BodyPump::Result run();
  /// True once the socket has failed: the reply cannot be completed.
  bool broken() const { return broken_; }
  /// The kernel reported that it could not read the file of the body.
  void file_failed();
  /// Whether the connection ends with this reply.
  bool last() const;
  void make_last() { last_ = true; }
  /// The reply has ended; returns the exchange with its statistics, detached. `complete`: all of it
  /// was sent.
  std::shared_ptr<ConnectionExchange> end(bool complete);

  /// Answers a request that was refused before begin(), if there is one, and drops its exchange.
  /// False: the socket is broken.
  bool refuse(const Refusal& refusal, const Peer& peer, bool keep_alive);
  /// Drops the exchange of a request that the handler has not received.
  void drop_exchange() { exchange_.reset(); }

  /// True when all bytes have reached the kernel.
  bool empty() const { return output_.empty(); }
  /// Sends FIN once empty(). Returns true if this call sent it.
  bool end_output();
  /// Whether the client takes its reply too slowly (SendProgress). To be called a few times a
  /// second. Asks the kernel for the acknowledged bytes, because its buffer may hold megabytes.
  bool stalled(Clock::time_point now);

 private:
  /// A reply from memory that waits for its departure.
  struct Delayed {
    std::string head;
    std::vector<SharedText> texts;
  };

  /// Sends a reply from memory, or delays it.
  void send(std::string_view head, std::span<const SharedText> texts);
  std::string_view write_head(const ReplyHead& head, std::uint64_t content_length);
  bool replied() const { return exchange_->stats().status != 0; }

  // Constant after construction.
  LoopServer& server_;
  Output& output_;

  std::shared_ptr<ConnectionExchange> exchange_;
  std::optional<PacedReply> pace_;  // of a client with a bandwidth of its own
  std::optional<Delayed> delayed_;
  std::optional<BodyPump> pump_;
  SendProgress progress_;
  WaitMeter waits_;            // of the present reply
  std::size_t head_size_ = 0;  // bytes
  bool last_ = false;
  bool broken_ = false;
  bool fin_sent_ = false;
};

}  // namespace entrepot::http
