// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "proxy/http/exchange.h"
#include "proxy/http/listener.h"

namespace entrepot::http {

/// The exchange that a connection shares with its handler. It belongs to the connection from the
/// first byte of the request to the end of the reply; after detach() replies do nothing. Loop
/// thread only. Shared ownership: a handler may keep it longer than the connection lives.
class ConnectionExchange final : public Exchange {
 public:
  ConnectionExchange(Connection& connection, loop::Loop& loop, Peer peer)
      : connection_(&connection), loop_(loop), peer_(std::move(peer)) {}

  const Request& request() const override { return request_; }
  bool closed() const override { return connection_ == nullptr; }
  cache::Executor& executor() const override { return loop_; }
  std::string_view peer() const override { return peer_.name; }
  ClientAddress client() const override { return peer_.address; }
  bool begin_miss() override;
  void reply(const ReplyHead& head, std::string_view body) override;
  void reply(const ReplyHead& head, std::span<const SharedText> texts) override;
  void reply(const ReplyHead& head, std::unique_ptr<Body> body, Pieces pieces) override;
  void reply_head(const ReplyHead& head, std::uint64_t content_length) override;

  // For the connection.
  Request& mutable_request() { return request_; }
  ReplyStats& stats() { return stats_; }
  void detach() { connection_ = nullptr; }
  /// Frees the request and the attachment after finished(): a handler may keep the exchange of a
  /// client that has left for a long time.
  void forget() {
    static_cast<void>(std::exchange(request_, {}));  // an assignment would keep its memory
    attachment.reset();
  }

 private:
  /// False: the client has left, and nobody takes the reply.
  bool begin_reply();

  Connection* connection_;  // null once detached
  loop::Loop& loop_;
  const Peer peer_;
  Request request_;
  ReplyStats stats_;
  bool replied_ = false;
};

}  // namespace entrepot::http
