// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "proxy/http/exchange.h"
#include "proxy/http/listener.h"

namespace entrepot::http {

/// The exchange that a connection shares with its handler, from the first byte of the request to
/// the end of the reply. After detach() a reply has no effect. Loop thread only. Shared ownership:
/// a handler may keep it longer than the connection exists.
class ConnectionExchange final : public Exchange {
 public:
  ConnectionExchange(Connection& connection, loop::Loop& loop, std::shared_ptr<const Peer> peer)
      : connection_(&connection), loop_(loop), peer_(std::move(peer)) {}

  const Request& request() const override { return request_; }
  bool closed() const override { return connection_ == nullptr; }
  cache::Executor& executor() const override { return loop_; }
  const Peer& peer() const override { return *peer_; }
  bool begin_request(std::string_view name) override;
  bool begin_miss() override;
  ClientAddress client() const override;
  void reply(const ReplyHead& head, std::string_view body) override;
  void reply(const ReplyHead& head, std::span<const SharedText> texts) override;
  void reply(const ReplyHead& head, std::unique_ptr<Body> body, Pieces pieces) override;
  void reply_head(const ReplyHead& head, std::uint64_t content_length) override;

  // For the connection.
  Request& mutable_request() { return request_; }
  ReplyStats& stats() { return stats_; }
  void detach() { connection_ = nullptr; }
  /// The client is not that of the connection, but one behind it. Before the handler gets it.
  void set_peer(std::shared_ptr<const Peer> peer) { peer_ = std::move(peer); }
  /// Frees the request and the attachment. After finished(), because a handler may keep the
  /// exchange long after its client has left.
  void forget() {
    static_cast<void>(std::exchange(request_, {}));  // an assignment would keep its memory
    attachment.reset();
  }

 private:
  /// False: the client has left.
  bool begin_reply();
  /// Makes the connection continue, if it still exists.
  std::function<void()> wake() const;

  Connection* connection_;  // null once detached
  loop::Loop& loop_;
  std::shared_ptr<const Peer> peer_;
  Request request_;
  ReplyStats stats_;
  bool replied_ = false;
};

}  // namespace entrepot::http
